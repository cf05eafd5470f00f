import type { DockerfileImage } from '../../../config/resolved.js';
import { buildCommand, methodVariables, saveCommand, type Method } from './commands.js';
import type { Prepared } from './request.js';

const OUTPUTS = { idFile: '/t/id', archive: '/t/image, 1.tar' };
const options: DockerfileImage = {
  type: 'image', builder: 'docker', engine: 'docker', platforms: ['linux/amd64'], labels: {}, push: [], plainHttp: [], dockerfile: '/w/Dockerfile', context: '/w', target: 'run',
  args: { B: '--privileged', A: 'x y=z' }, secrets: [], cacheFrom: ['example.com/a'], cacheTo: ['type=inline'],
};
const prepared: Prepared = {
  options, secrets: [{ id: 't', env: 'NX_DEPLOY_SECRET_0' }, { id: 'f', file: '/s/a,"b"' }], variables: {}, redact: { replace: (text) => text, longest: 0 }, leaked: () => undefined,
};
const COMMON = ['--file=/w/Dockerfile', '--target=run', '--build-arg=A=x y=z', '--build-arg=B=--privileged', '--cache-from=example.com/a'];
const SECRETS = ['--secret=id=t,env=NX_DEPLOY_SECRET_0', '--secret=id=f,"src=/s/a,""b"""'];

describe('command lines', () => {
  const lines: [Method, readonly string[]][] = [
    [{ program: 'docker', builder: 'classic' }, ['docker', 'build', '--force-rm', '--iidfile=/t/id', ...COMMON, '--', '/w']],
    [{ program: 'docker', builder: 'buildkit' }, ['docker', 'build', '--progress=plain', '--iidfile=/t/id', '--platform=linux/arm64', ...COMMON, '--build-arg=BUILDKIT_INLINE_CACHE=1', ...SECRETS, '--', '/w']],
    [{ program: 'docker', builder: 'buildx', exports: false }, ['docker', 'buildx', 'build', '--progress=plain', '--load', '--iidfile=/t/id', '--platform=linux/arm64', ...COMMON, '--cache-to=type=inline', ...SECRETS, '--', '/w']],
    [{ program: 'docker', builder: 'buildx', exports: true }, ['docker', 'buildx', 'build', '--progress=plain', '--output=type=oci,"dest=/t/image, 1.tar"', '--platform=linux/arm64', ...COMMON, '--cache-to=type=inline', ...SECRETS, '--', '/w']],
    [{ program: 'podman', builder: 'podman' }, ['podman', 'build', '--format=docker', '--iidfile=/t/id', '--platform=linux/arm64', ...COMMON, '--cache-to=type=inline', ...SECRETS, '--', '/w']],
  ];

  it.each(lines)('%j', (method, expected) => {
    expect(buildCommand(method, prepared, 'linux/arm64', OUTPUTS)).toEqual(expected);
  });

  it('writes the image of an id into a file', () => {
    expect(saveCommand('docker', 'sha256:ab', '/t/i')).toEqual(['docker', 'save', '--output=/t/i', 'sha256:ab']);
    expect(saveCommand('podman', 'sha256:ab', '/t/i')).toEqual(['podman', 'save', '--quiet', '--format=docker-archive', '--output=/t/i', 'sha256:ab']);
  });

  it('names the builder by variables', () => {
    expect(lines.map(([method]) => methodVariables(method, 7))).toEqual([
      { DOCKER_BUILDKIT: '0' }, { DOCKER_BUILDKIT: '1' }, { BUILDX_NO_DEFAULT_ATTESTATIONS: '1', SOURCE_DATE_EPOCH: '7' }, { BUILDX_NO_DEFAULT_ATTESTATIONS: '1', SOURCE_DATE_EPOCH: '7' }, {},
    ]);
  });
});
