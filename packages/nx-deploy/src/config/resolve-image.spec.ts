import { asDeployError, type ErrorParts } from '../errors.js';
import { parseConfig } from './load.js';
import { resolveEnvironment } from './resolve.js';
import { resolveImage, type ImageRequest } from './resolve-image.js';
import type { ImageOption } from './resolved.js';
import { looksSecret } from './secret-names.js';

const PLACE = { projectRoot: 'apps/api', workspaceRoot: '/w', projectName: 'api' };

function request(artifact: object, top: object = {}, secrets: readonly string[] = []): ImageRequest {
  const text = JSON.stringify({ artifact: { type: 'image', ...artifact }, ...top, environments: { staging: {} } }, undefined, 2);
  return { ...PLACE, ...parseConfig(text, '/w/apps/api/deploy.json'), secrets, badImage: (_kind, name) => (name.includes('BAD') ? 'must be another name' : undefined) };
}

const image = (artifact: object = {}, top: object = {}): ImageOption => resolveImage(request(artifact, top));

function failure(work: () => unknown): ErrorParts & { code: string } {
  try {
    work();
  } catch (thrown) {
    const { code, parts } = asDeployError(thrown);
    return { code, ...parts };
  }
  throw new Error('nothing was refused');
}

const problems = (artifact: object, top: object = {}, secrets: readonly string[] = []): readonly string[] =>
  failure(() => resolveImage(request(artifact, top, secrets))).problems?.map((line) => line.replace(/ \(\d+:\d+\)/, '')) ?? [];

describe('an image', () => {
  it('has defaults for everything', () => {
    expect(image()).toEqual({
      type: 'image', builder: 'oci', path: '/w/apps/api/dist', entry: 'main.js', dependencies: 'bundled', base: 'node:22-slim', platforms: ['linux/amd64'],
      assets: [], user: '1000:1000', port: 3000, env: {}, labels: {}, push: [], plainHttp: [],
    });
    expect(image({ builder: 'docker' })).toEqual({
      type: 'image', builder: 'docker', engine: 'docker', dockerfile: '/w/apps/api/Dockerfile', context: '/w/apps/api', args: {}, secrets: [], cacheFrom: [], cacheTo: [],
      platforms: ['linux/amd64'], labels: {}, push: [], plainHttp: [],
    });
    expect(image({ builder: '@nx/docker' })).toMatchObject({ builder: '@nx/docker', platforms: [] });
  });

  it.each([[{}, {}, 3000], [{}, { port: 0 }, 3000], [{}, { port: 8080 }, 8080], [{ port: 80 }, { port: 8080 }, 80]])('%j with %j at the top listens on %d', (artifact, top, port) => {
    expect(image(artifact, top)).toMatchObject({ port });
  });

  it('listens on the port of the workspace where nothing nearer says otherwise', () => {
    expect(resolveImage({ ...request({}), defaultPort: 4321 })).toMatchObject({ port: 4321 });
    expect(resolveImage({ ...request({}, { port: 0 }), defaultPort: 4321 })).toMatchObject({ port: 3000 });
    expect(resolveImage({ ...request({ port: 80 }), defaultPort: 4321 })).toMatchObject({ port: 80 });
  });

  it('is started by its own command, else by the one at the top', () => {
    expect(image({ command: ['a'] }, { command: ['b'] })).toMatchObject({ command: ['a'] });
    expect(image({}, { command: ['b'] })).toMatchObject({ command: ['b'] });
    expect(image()).not.toHaveProperty('command');
  });

  it('has a single file as one more kind of dependencies', () => {
    expect(image({ bundle: true })).toMatchObject({ dependencies: 'bundle' });
    expect(image({ bundle: false, dependencies: 'installed' })).toMatchObject({ dependencies: 'installed' });
    expect(problems({ bundle: true, dependencies: 'traced' })).toEqual([expect.stringMatching(/^artifact\.bundle: must not stand beside "dependencies"/)]);
  });

  it('names folders from the project or the workspace, and never others', () => {
    expect(image({ base: 'oci:../base', path: '{workspaceRoot}/dist/apps/api' })).toMatchObject({ base: 'oci:/w/apps/base', path: '/w/dist/apps/api' });
    expect(image({ builder: 'docker', context: '{workspaceRoot}', dockerfile: '../Dockerfile' })).toMatchObject({ context: '/w', dockerfile: '/w/apps/Dockerfile' });
    expect(problems({ base: 'oci:/etc', path: '../../../etc' })).toEqual([expect.stringContaining('artifact.path: must lie in the workspace'), expect.stringContaining('artifact.base: must lie in the workspace')]);
    expect(problems({ builder: 'docker', context: '../../..', dockerfile: '{root}/Dockerfile' })).toHaveLength(2);
  });

  it('takes secrets of a build from a variable or a file anywhere, each under its own name', () => {
    expect(image({ builder: 'docker', secrets: [{ id: 'a', env: 'A' }, { id: 'b', file: '/run/b' }, { id: 'c', file: 'c' }] }))
      .toMatchObject({ secrets: [{ id: 'a', env: 'A' }, { id: 'b', file: '/run/b' }, { id: 'c', file: '/w/apps/api/c' }] });
    expect(problems({ builder: 'docker', secrets: [{ id: 'a', env: 'A' }, { id: 'a', env: 'B' }] })).toEqual(['artifact.secrets[1].id: must differ from artifact.secrets[0].id']);
  });

  it('refuses what would show a secret to whoever has the image, every one at once, with its place', () => {
    const { code, problems: lines } = failure(() => resolveImage(request({ env: { DB_PASSWORD: 'x', TZ: 'UTC', WORDS: 'y' }, base: 'BAD', push: ['BAD', { repository: 'BAD', tags: ['a'] }] }, {}, ['WORDS'])));
    expect(code).toBe('ND-CONFIG-INVALID');
    expect(lines).toEqual([
      expect.stringMatching(/^artifact\.push\[0\] \(\d+:\d+\): must be another name$/),
      expect.stringMatching(/^artifact\.push\[1\]\.repository \(\d+:\d+\): must be another name$/),
      expect.stringMatching(/^artifact\.env\.DB_PASSWORD \(\d+:\d+\): must not stand here: it looks like a secret/),
      expect.stringMatching(/^artifact\.env\.WORDS \(\d+:\d+\): must not stand here: env\.schema\.json calls it secret/),
      expect.stringMatching(/^artifact\.base \(\d+:\d+\): must be another name$/),
    ]);
    expect(problems({ builder: 'docker', args: { NPM_TOKEN: 'x' } })).toEqual([expect.stringContaining('mount it by "secrets"')]);
  });

  it('tags by the digest unless templates are given', () => {
    expect(image({ push: ['a/b', { repository: 'c/d', tags: ['{version}', 'latest'] }] }).push)
      .toEqual([{ repository: 'a/b', tags: ['{hash}'] }, { repository: 'c/d', tags: ['{version}', 'latest'] }]);
    const line = failure(() => image({ push: [{ repository: 'a/b', tags: ['v{versoin}', '{a}b'] }] })).problems;
    expect(line?.[0]).toMatch(/^artifact\.push\[0\]\.tags\[0\] \(\d+:\d+\): must hold no token but .*\(did you mean "\{version\}"\?\), got "v\{versoin\}"/);
    expect(line).toHaveLength(2);
  });

  it.each([['linux/arm64/v8', 'linux/arm64'], ['linux/amd46', 'linux/amd64'], ['aarch64', 'linux/arm64']])('tells that %s may mean %s', (given, meant) => {
    expect(failure(() => image({ platforms: [given] })).problems?.join()).toContain(`did you mean "${meant}"?`);
  });

  it('is not there when the artifact is files', () => {
    const { problems: lines } = failure(() => resolveImage({ ...request({}), ...parseConfig('{ "artifact": { "type": "files" }, "environments": { "a": {} } }', 'f') }));
    expect(lines).toEqual([expect.stringMatching(/^artifact\.type \(1:25\): must be "image"/)]);
  });

  it('does not lose a name that JavaScript has a use for', () => {
    const text = '{ "artifact": { "type": "image", "env": { "__proto__": "x" }, "labels": { "__proto__": "y" } }, "environments": { "a": {} } }';
    expect(failure(() => parseConfig(text, 'f')).problems).toHaveLength(2);
    expect(image({ env: { constructor: 'x' } })).toMatchObject({ env: { constructor: 'x' } });
  });
});

describe('the same service on the platform local', () => {
  const files = (artifact: object): unknown => resolveEnvironment({ ...request(artifact), ...PLACE, environment: 'staging' }).artifact;

  it('runs the files of the image where they are those of the build', () => {
    expect(files({})).toEqual({ type: 'files', path: '/w/apps/api/dist', entry: 'main.js', dependencies: 'bundled' });
    expect(files({ builder: 'oci', dependencies: 'traced', path: 'out', entry: 'x.js' })).toEqual({ type: 'files', path: '/w/apps/api/out', entry: 'x.js', dependencies: 'traced' });
    expect(resolveEnvironment({ ...request({ command: ['node', '-r', 'x', 'main.js'] }), ...PLACE, environment: 'staging' }).processes['web']?.spec.command).toEqual(['node', '-r', 'x', 'main.js']);
  });

  it.each([{ bundle: true }, { dependencies: 'installed' }, { builder: 'docker' }, { builder: '@nx/docker' }])('has no files to run of %j, and status and rollback go on all the same', (artifact) => {
    expect(files(artifact)).toBeUndefined();
  });
});

test.each([
  ['DB_PASSWORD', true], ['npmToken', true], ['API_KEY_2', true], ['DATABASE_URL', true], ['CLIENT_SECRET2', true],
  ['TOKEN_TTL', false], ['TOKENIZER', false], ['MONKEY', false], ['KEY', false], ['NODE_ENV', false], ['_', false], ['PUBLIC_URL', false],
])('%s looks like a secret: %s', (name, secret) => {
  expect(looksSecret(name)).toBe(secret);
});
