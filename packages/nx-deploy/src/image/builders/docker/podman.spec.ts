/** The builder `docker` with a real podman, whose storage is a folder of the test. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { find } from '../../../../../../tools/bench/programs.js';
import { describeWith } from '../../../../../../tools/images/needs.spec-support.js';
import type { DockerfileImage } from '../../../config/resolved.js';
import { temporaryFolder } from '../../../shell/programs.spec-support.js';
import { openBlobs } from '../../blobs/index.js';
import type { Build, BuildEvent } from '../../builder.js';
import { membersOf } from '../../layer/layer.spec-support.js';
import { readLayout, writeDockerArchive, writeLayout } from '../../layout/index.js';
import { openRegistries } from '../../registry/index.js';
import { buildDockerfile } from './build.js';

const SECRET = 'hunter2-of-podman';

describeWith(['podman', 'busybox', 'skopeo'], 'builder docker with podman', () => {
  const root = temporaryFolder('podman');
  const store = openBlobs(join(root, 'store'));
  const variables = { PATH: process.env['PATH'], HOME: root, TMPDIR: root, CONTAINERS_STORAGE_CONF: join(root, 'storage.conf'), CONTAINERS_CONF: join(root, 'containers.conf'), THE_TOKEN: SECRET };
  // crun refuses a machine with both versions of control groups.
  writeFileSync(variables.CONTAINERS_CONF, find('runc') === undefined ? '' : '[engine]\nruntime = "runc"\n');
  writeFileSync(variables.CONTAINERS_STORAGE_CONF, `[storage]\ndriver = "vfs"\ngraphroot = "${root}/graph"\nrunroot = "${root}/run"\n`);
  const podman = (args: readonly string[], input?: Buffer): string => execFileSync('podman', [...args], { env: variables, encoding: 'utf8', input: input ?? '', stdio: ['pipe', 'pipe', 'pipe'] });

  function image(dockerfile: string, changes: Partial<DockerfileImage> = {}): DockerfileImage {
    const context = mkdtempSync(join(root, 'context, with spaces-'));
    mkdirSync(join(context, 'bin'));
    for (const name of ['busybox', 'sh', 'cat']) copyFileSync(find('busybox') ?? '', join(context, 'bin', name));
    writeFileSync(join(context, 'Dockerfile'), dockerfile);
    return {
      type: 'image', builder: 'docker', engine: 'podman', platforms: ['linux/amd64'], labels: {}, push: [], plainHttp: [], dockerfile: join(context, 'Dockerfile'), context,
      args: {}, secrets: [], cacheFrom: [], cacheTo: [], ...changes,
    };
  }
  const events: BuildEvent[] = [];
  async function build(options: DockerfileImage): Promise<Build> {
    const registries = openRegistries({ env: {} });
    return buildDockerfile(options, { workspaceRoot: root, projectRoot: 'apps/api', projectName: 'api', store, registries, variables, onEvent: (event) => { events.push(event); } }).finally(() => registries.close());
  }

  it('makes the same image twice, with a secret that stands nowhere, which other tools and podman itself take', async () => {
    const options = image('FROM scratch AS one\nCOPY bin /bin\nARG TEXT\nRUN --mount=type=secret,id=token cat /run/secrets/token && echo "$TEXT" > /text\nUSER 1000:1000\nHEALTHCHECK CMD ["true"]\nCMD ["sh"]\nFROM one AS two\nRUN exit 1\n', {
      target: 'one', args: { TEXT: '$(id) `id` "x"' }, labels: { 'com.example.a': 'b' }, secrets: [{ id: 'token', env: 'THE_TOKEN' }],
    });
    const first = await build(options);
    const [{ image: { config }, image: made, layers, platform }] = first.images as [Build['images'][number]];
    expect(config).toMatchObject({ os: 'linux', architecture: 'amd64', created: '1970-01-01T00:00:01.000Z', config: { User: '1000:1000', Labels: { 'com.example.a': 'b' }, Healthcheck: { Test: ['CMD', 'true'] } } });
    const members = await membersOf(gunzipSync(readFileSync(store.pathOf(layers.at(-1)!.digest))));
    expect(members.find(({ path }) => path === 'text')?.content).toBe('$(id) `id` "x"\n');
    expect(JSON.stringify([first, events])).not.toContain('hunter2');
    const contents = readdirSync(store.folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => readFileSync(join(entry.parentPath, entry.name)));
    expect(contents.some((bytes) => (bytes[0] === 0x1f ? gunzipSync(bytes) : bytes).includes('hunter2'))).toBe(false);
    expect(podman(['images', '--quiet', '--filter', 'label=com.example.a'])).toBe('');
    const again = await build(options);
    expect(again.images.map((each) => each.image.config.config)).toEqual([config.config]);
    await writeLayout(join(root, 'layout'), [made], { store });
    execFileSync('skopeo', ['inspect', `oci:${root}/layout`], { stdio: ['ignore', 'ignore', 'pipe'] });
    const parts: Buffer[] = [];
    await writeDockerArchive(await readLayout(join(root, 'layout')), store, { platform, tags: ['nx-deploy-spec:1'] }, (chunk) => void parts.push(Buffer.from(chunk)));
    podman(['load', '--quiet'], Buffer.concat(parts));
    expect(podman(['image', 'inspect', '--format', '{{.User}} {{index .Config.Cmd 0}}', 'nx-deploy-spec:1']).trim()).toBe('1000:1000 sh');
  });

  it('says which line failed, and what it cannot do', async () => {
    const failure = (options: DockerfileImage): Promise<string> => build(options).then(() => 'no error', (error: unknown) => JSON.stringify(error));
    expect(await failure(image('FROM scratch\nCOPY bin /bin\nRUN echo "it broke"; exit 3\n'))).toMatch(/ND-IMAGE-BUILD-FAILED.*it broke/);
    expect(await failure(image('FROM scratch\n', { cacheTo: ['type=registry,ref=x'] }))).toContain('ND-ENGINE-UNSUPPORTED');
  });
});
