/** Real installs. A registry on loopback with packages of its own serves them, so that nothing depends on the network. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { smokeImport } from '../../builders/oci/smoke.js';
import { ELSEWHERE, HERE, listing, makeLayers, workspace, type Fixture } from '../dependencies.spec-support.js';
import type { Graph } from './graph.js';

const TOKEN = 'a-token-of-the-tests';
const CPU = { amd64: 'x64', arm64: 'arm64' } as const;
const cpuOf = (architecture: string): string => CPU[architecture === 'arm64' ? 'arm64' : 'amd64'];

let server: Server;
let asked: string[];
let fixture: Fixture;
const tarballs = new Map<string, Buffer>();

beforeEach(async () => {
  asked = [];
  server = createServer((request, answer) => {
    asked.push(`${request.url ?? ''} ${request.headers.authorization ?? ''}`);
    const body = request.headers.authorization === `Bearer ${TOKEN}` ? tarballs.get(request.url?.slice(1) ?? '') : undefined;
    answer.writeHead(body === undefined ? 401 : 200).end(body);
  });
  await new Promise<void>((done) => { server.listen(0, '127.0.0.1', done); });
  fixture = workspace();
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((done) => server.close(done));
});

/** A package of the registry; gives its entry of a lock file of npm. */
function pack(name: string, manifest: object, files: Readonly<Record<string, string>> = {}): object {
  const folder = join(dirname(fixture.root), 'packages', name);
  const all = { 'index.js': `module.exports = ${JSON.stringify(name)};`, ...files, 'package.json': JSON.stringify({ name, version: '1.0.0', ...manifest }) };
  mkdirSync(join(folder, 'package'), { recursive: true });
  fixture.write(Object.fromEntries(Object.entries(all).map(([path, text]) => [`../packages/${name}/package/${path}`, text])));
  const tarball = execFileSync('tar', ['-cz', '-C', folder, 'package']);
  tarballs.set(`${name}.tgz`, tarball);
  return {
    version: '1.0.0', resolved: `http://127.0.0.1:${(server.address() as AddressInfo).port}/${name}.tgz`, integrity: `sha512-${createHash('sha512').update(tarball).digest('base64')}`, ...manifest,
  };
}

/** The output of a build that wrote package.json and lock file. */
function built(service: string, packages: Readonly<Record<string, object>>, dependencies: object = { plain: '1.0.0' }): void {
  const port = (server.address() as AddressInfo).port;
  const manifest = { name: service, version: '1.0.0', dependencies, optionalDependencies: Object.fromEntries(Object.keys(packages).filter((name) => name.startsWith('native-')).map((name) => [name, '1.0.0'])) };
  fixture.write({
    '.npmrc': `registry=http://127.0.0.1:${port}/\n//127.0.0.1:${port}/:_authToken=\${TEST_TOKEN}\nfetch-retries=0\n`,
    'apps/api/dist/main.js': `console.log(require("plain"), "${service}")`, 'apps/api/dist/package.json': JSON.stringify(manifest),
    'apps/api/dist/package-lock.json': JSON.stringify({ name: service, version: '1.0.0', lockfileVersion: 3, requires: true, packages: { '': manifest, ...Object.fromEntries(Object.entries(packages).map(([name, one]) => [`node_modules/${name}`, one])) } }),
  });
}

const variables = (): NodeJS.ProcessEnv => ({ PATH: process.env['PATH'], HOME: dirname(fixture.root), TEST_TOKEN: TOKEN });
const temporary = (): string[] => readdirSync(tmpdir()).filter((name) => name.startsWith('nx-deploy-install-'));

describe('an install from the lock file of the build', () => {
  it('is done once for services of the same packages, with nothing of itself in the layer', async () => {
    const before = temporary();
    const plain = pack('plain', { bin: { plain: 'index.js' } });
    built('api', { plain, tool: { ...pack('tool', {}), dev: true } });
    const one = await fixture.collect({ dependencies: 'installed' }, HERE, { variables: variables() });
    expect(asked).toEqual([]);
    const layers = await makeLayers(one, fixture.store);
    expect(layers.map(({ kind, made }) => [kind, made])).toEqual([['modules', true], ['application', true]]);
    expect(asked).toEqual([`/plain.tgz Bearer ${TOKEN}`]);
    await one.close();
    expect(temporary().filter((name) => !before.includes(name))).toEqual([]);
    built('web', { plain });
    const other = await fixture.collect({ dependencies: 'installed' }, HERE, { variables: { ...variables(), TEST_TOKEN: 'another' } });
    expect((await makeLayers(other, fixture.store)).map(({ made }) => made)).toEqual([false, true]);
    expect(await other.layers[0]?.packages?.(layers[0]?.digest ?? 'sha256:0')).toEqual([{ name: 'plain', version: '1.0.0', size: 86 }]);
    expect(other).toMatchObject({ workingDirectory: '/app', entry: 'main.js', warnings: [] });
  });

  it('is done once when many services are built at a time', async () => {
    const plain = pack('plain', {});
    built('api', { plain });
    const names = ['one', 'two', 'three', 'four', 'five', 'six'];
    for (const name of names) cpSync(join(fixture.root, 'apps/api'), join(fixture.root, 'apps', name), { recursive: true });
    for (const name of names) fixture.write({ [`apps/${name}/dist/main.js`]: `console.log(require("plain"), "${name}")` });
    const images = await Promise.all(names.map((name) => fixture.collect({ dependencies: 'installed', path: join(fixture.root, 'apps', name, 'dist') }, HERE, { projectRoot: `apps/${name}`, projectName: name, variables: variables() })));
    const layers = await Promise.all(images.map((image) => makeLayers(image, fixture.store)));
    await Promise.all(images.map((image) => image.close()));
    expect(asked).toEqual([`/plain.tgz Bearer ${TOKEN}`]);
    expect(layers.map(([modules]) => modules?.made).filter(Boolean)).toHaveLength(1);
    expect(new Set(layers.map(([modules]) => modules?.digest)).size).toBe(1);
    expect(new Set(layers.map(([, application]) => application?.digest)).size).toBe(names.length);
  });

  it('takes the parts of another platform, and runs no scripts for it', async () => {
    const script = { scripts: { install: 'echo ran > ran.txt' } };
    const native = (architecture: string): readonly [string, object] => [`native-${cpuOf(architecture)}`, { ...pack(`native-${cpuOf(architecture)}`, { os: ['linux'], cpu: [cpuOf(architecture)] }), optional: true }];
    const packages = Object.fromEntries([['plain', { ...pack('plain', script), hasInstallScript: true }], native('amd64'), native('arm64')] as const);
    built('api', packages);
    const paths = async (platform: typeof HERE): Promise<string[]> => {
      const files = await fixture.collect({ dependencies: 'installed' }, platform, { variables: variables() });
      const { modules = [] } = await listing(files);
      await files.close();
      return [...modules.map((path) => path.replace('app/node_modules/', '')), ...files.warnings];
    };
    const own = cpuOf(HERE.architecture);
    expect(await paths(HERE)).toEqual([`native-${own}/index.js`, `native-${own}/package.json`, 'plain/index.js', 'plain/package.json', 'plain/ran.txt']);
    const theirs = cpuOf(ELSEWHERE.architecture);
    expect(await paths(ELSEWHERE)).toEqual([
      `native-${theirs}/index.js`, `native-${theirs}/package.json`, 'plain/index.js', 'plain/package.json',
      'install scripts of these packages do not run for another platform than this machine\'s: "plain"',
    ]);
  });

  it('fails with the last lines of npm, and no token in them', async () => {
    built('api', { plain: pack('plain', {}) });
    const files = await fixture.collect({ dependencies: 'installed' }, HERE, { variables: { ...variables(), TEST_TOKEN: 'wrong-token-here' } });
    const error: unknown = await makeLayers(files, fixture.store).catch((thrown: unknown) => thrown);
    await files.close();
    expect(error).toMatchObject({ code: 'ND-INSTALL-FAILED', parts: { problems: expect.arrayContaining([expect.stringContaining('E401')]) as string[] } });
    expect(JSON.stringify([error, fixture.events])).not.toContain('wrong-token-here');
  });

  it('ends when the build is cancelled', async () => {
    built('api', { plain: pack('plain', {}) });
    server.removeAllListeners('request');
    const controller = new AbortController();
    server.once('request', () => { controller.abort(); });
    const files = await fixture.collect({ dependencies: 'installed' }, HERE, { variables: variables(), signal: controller.signal });
    await expect(makeLayers(files, fixture.store)).rejects.toMatchObject({ code: 'ND-CANCELLED' });
    await files.close();
  });
});

describe('libraries that the build copied into workspace_modules', () => {
  it('are a layer of their own, which npm links to, and which their service loads', async () => {
    const plain = pack('plain', {});
    const lib = { name: '@ws/lib', version: '1.0.0', main: 'dist/index.js', dependencies: { '@ws/other': 'file:../other', plain: '1.0.0' }, scripts: { prepare: 'exit 7' } };
    const other = { name: '@ws/other', version: '1.0.0', main: 'dist/index.js' };
    // As @nx/js:prune-lockfile and copy-workspace-modules write them.
    built('api', {
      plain, '@ws/lib': { version: 'file:./workspace_modules/@ws/lib', resolved: 'workspace_modules/@ws/lib', link: true }, '@ws/other': { version: 'file:./workspace_modules/@ws/other', resolved: 'workspace_modules/@ws/other', link: true },
      '../workspace_modules/@ws/lib': { name: '@ws/lib', version: '0.0.1', dependencies: { '@ws/other': '*', plain: '1.0.0' } }, '../workspace_modules/@ws/other': { name: '@ws/other', version: '0.0.1' },
    }, { plain: '1.0.0', '@ws/lib': 'file:./workspace_modules/@ws/lib' });
    const dist = 'apps/api/dist';
    fixture.write({
      [`${dist}/main.js`]: 'console.log(require("@ws/lib"))', [`${dist}/package-lock.json`]: readFileSync(join(fixture.root, dist, 'package-lock.json'), 'utf8').replaceAll('node_modules/../workspace_modules', 'workspace_modules'),
      [`${dist}/workspace_modules/@ws/lib/package.json`]: JSON.stringify(lib), [`${dist}/workspace_modules/@ws/lib/dist/index.js`]: 'module.exports = [require("plain"), require("@ws/other")]',
      [`${dist}/workspace_modules/@ws/lib/src/index.ts`]: 'x', [`${dist}/workspace_modules/@ws/lib/.env`]: 'SECRET=1', [`${dist}/workspace_modules/@ws/other/package.json`]: JSON.stringify(other),
      [`${dist}/workspace_modules/@ws/other/dist/index.js`]: 'module.exports = "other"',
    });
    const files = await fixture.collect({ dependencies: 'installed', assets: ['**'] }, HERE, { variables: variables() });
    expect(await listing(files)).toMatchObject({
      modules: ['app/node_modules/@ws/lib -> ../../workspace_modules/@ws/lib', 'app/node_modules/@ws/other -> ../../workspace_modules/@ws/other', 'app/node_modules/plain/index.js', 'app/node_modules/plain/package.json'],
      libraries: ['lib/dist/index.js', 'lib/package.json', 'other/dist/index.js', 'other/package.json'].map((path) => `app/workspace_modules/@ws/${path}`),
    });
    const layers = await makeLayers(files, fixture.store);
    const smoke = { platform: HERE, layers: layers.map(({ digest }) => digest), workingDirectory: files.workingDirectory, entry: files.entry, env: {}, limit: 20_000 };
    expect(await smokeImport(smoke, fixture.site())).toEqual([]);
    expect(fixture.events).toContainEqual({ type: 'output', source: 'smoke import', line: "[ 'plain', 'other' ]" });
    await files.close();
    fixture.write({ [`${dist}/workspace_modules/@ws/other/dist/index.js`]: 'module.exports = "changed"' });
    const changed = await fixture.collect({ dependencies: 'installed' }, HERE, { variables: variables() });
    expect(changed.layers.map(({ kind, key }) => [kind, key === files.layers.find((one) => one.kind === kind)?.key])).toEqual([['modules', true], ['libraries', false], ['application', false]]);
    await changed.close();
  });
});

describe('an install from the lock file of the workspace', () => {
  /** @nx/js stands in for itself with its real pruning, on a graph that is given rather than computed: that takes seconds. */
  function npmWorkspace(change: { readonly lib?: object } = {}): Graph {
    const one = pack('plain', {});
    const tool = { ...pack('tool', {}), dev: true };
    built('api', {});
    rmSync(join(fixture.root, 'apps/api/dist/package.json'));
    rmSync(join(fixture.root, 'apps/api/dist/package-lock.json'));
    const root = { name: 'ws', workspaces: ['apps/*', 'libs/*'], devDependencies: { tool: '1.0.0' } };
    const api = { name: 'api', version: '7.0.0', dependencies: { plain: '1.0.0', '@ws/lib': '*' } };
    const lib = { name: '@ws/lib', version: '1.0.0', main: 'dist/index.js', files: ['dist'], ...change.lib };
    fixture.write({
      'package.json': JSON.stringify(root), 'apps/api/package.json': JSON.stringify(api), 'libs/lib/package.json': JSON.stringify(lib),
      'libs/lib/dist/index.js': 'x', 'libs/lib/dist/index.spec.js': 'x', 'libs/lib/src/index.ts': 'x', 'libs/lib/.env': 'SECRET=1', 'apps/api/dist/main.js': 'require("@ws/lib"); require("plain")',
      'package-lock.json': JSON.stringify({ lockfileVersion: 3, packages: {
        '': root, 'apps/api': api, 'libs/lib': lib, 'node_modules/plain': one, 'node_modules/tool': tool, 'node_modules/api': { resolved: 'apps/api', link: true }, 'node_modules/@ws/lib': { resolved: 'libs/lib', link: true },
      } }),
    });
    const external = (name: string): object => ({ type: 'npm', name: `npm:${name}`, data: { packageName: name, version: '1.0.0', hash: 'x' } });
    const graph = {
      nodes: Object.fromEntries([['api', 'app', 'apps/api'], ['lib', 'lib', 'libs/lib']].map(([name = '', type, folder]) => [name, { type, name, data: { root: folder, metadata: { js: { packageName: name === 'lib' ? '@ws/lib' : name } } } }])),
      externalNodes: { 'npm:plain': external('plain'), 'npm:tool': external('tool') },
      dependencies: { api: [{ source: 'api', target: 'npm:plain', type: 'static' }, { source: 'api', target: 'lib', type: 'static' }], lib: [], 'npm:plain': [] },
    };
    fixture.write({
      'node_modules/@nx/devkit/index.js': `exports.createProjectGraphAsync = async () => (${JSON.stringify(graph)})`,
      'node_modules/@nx/js/index.js': `module.exports = require(${JSON.stringify(require.resolve('@nx/js'))})`,
    });
    return graph as unknown as Graph;
  }

  it('prunes it, and copies the libraries that the code names as npm would publish them', async () => {
    npmWorkspace();
    const files = await fixture.collect({ dependencies: 'installed' }, HERE, { variables: variables() });
    expect(await listing(files)).toEqual({
      modules: ['app/node_modules/plain/index.js', 'app/node_modules/plain/package.json'],
      libraries: ['app/node_modules/@ws/lib/dist/index.js', 'app/node_modules/@ws/lib/package.json'],
      application: ['app/main.js'],
    });
    await files.close();
    fixture.write({ 'apps/api/dist/main.js': 'require("plain")' });
    const without = await fixture.collect({ dependencies: 'installed' }, HERE, { variables: variables() });
    expect(without.layers.map(({ kind }) => kind)).toEqual(['modules', 'application']);
    expect(without.layers[0]?.key).toBe(files.layers[0]?.key);
    await without.close();
  });

  it('refuses a library that was not built, and a lock file that does not fit', async () => {
    npmWorkspace({ lib: { main: './dist/other.js' } });
    const refused = (): ReturnType<Fixture['refusal']> => fixture.refusal({ dependencies: 'installed' }, HERE, { variables: variables() });
    expect(await refused()).toMatchObject({ code: 'ND-ARTIFACT-MISSING', parts: { what: 'the library "@ws/lib" cannot go into the image' } });
    fixture.write({ 'apps/api/package.json': '{"name":"api","dependencies":{"plain":"^2.0.0"}}' });
    expect(await refused()).toMatchObject({ code: 'ND-LOCKFILE', parts: { next: 'run: npm install' } });
  });
});

const soak = process.env['NX_DEPLOY_SOAK'] === '1' ? it : it.skip;
soak('pnpm keeps its links, all of them inside, and no path of this machine', async () => {
  const tools = join(dirname(fixture.root), 'tools');
  mkdirSync(tools);
  execFileSync('npm', ['install', '--prefix', tools, '--no-audit', '--no-fund', 'pnpm@9'], { stdio: 'ignore' });
  fixture.write({ 'apps/api/dist/main.js': 'require("pino")', 'apps/api/dist/package.json': '{"dependencies":{"pino":"9.5.0"}}', 'package.json': '{}' });
  const env = { ...process.env, PATH: `${join(tools, 'node_modules/.bin')}:${process.env['PATH'] ?? ''}` };
  execFileSync('pnpm', ['install', '--lockfile-only', '--ignore-workspace'], { cwd: join(fixture.root, 'apps/api/dist'), env, stdio: 'ignore' });
  const files = await fixture.collect({ dependencies: 'installed' }, HERE, { variables: env });
  const entries = await files.layers[0]?.entries() ?? [];
  expect(entries).toContainEqual(expect.objectContaining({ path: 'app/node_modules/pino', type: 'symlink' }));
  for (const entry of entries) if (entry.type === 'file' && typeof entry.source === 'string') expect(readFileSync(entry.source, 'latin1')).not.toContain('nx-deploy-install-');
  await files.close();
}, 120_000);
