import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { Machine } from './support/machine.js';
import { startPackageRegistry, type PackageRegistry } from './support/package-registry.js';
import { publish, releaseCopy } from './support/release.js';
import { ask, freePort } from './support/request.js';
import { Stranger } from './support/stranger.js';

const MANAGERS = process.env['NX_DEPLOY_TEST_MANAGERS'];
const SERVER = `import { createServer } from 'node:http';
createServer((request, response) => { response.end(request.url === '/health' ? 'ok' : 'by pnpm'); }).listen(Number(process.env['PORT'] ?? 3000), process.env['HOST']);
process.on('SIGTERM', () => process.exit(0));
`;

const soak = process.env['NX_DEPLOY_SOAK'] === '1';
if (soak && MANAGERS === undefined) throw new Error('a stranger with pnpm needs NX_DEPLOY_TEST_MANAGERS, the folder that .ci/run makes');

/** The preset ts and pnpm, whose node_modules hide from each package all that it does not depend on. Its packages come from a registry, cold: part of a soak. */
(soak ? describe : describe.skip)('a stranger with pnpm', () => {
  const machine = new Machine('pnpm');
  let registry: PackageRegistry;
  let stranger: Stranger;
  let port = 0;

  beforeAll(async () => {
    registry = await startPackageRegistry(`${machine.folder}/registry`);
    await publish(await releaseCopy(machine), registry, '--first-release');
    const path = [join(MANAGERS ?? '', 'node_modules/.bin'), process.env['PATH'] ?? ''].join(delimiter);
    stranger = await Stranger.create(machine, ['--preset=ts', '--pm=pnpm'], { PATH: path });
    stranger.registry = registry;
    port = await freePort();
  }, 900_000);
  afterAll(async () => {
    await registry.stop();
    await machine.dispose();
  });

  it('has no other package in its root than those that it asked for', async () => {
    await stranger.nx('add', 'nx-deploy');
    const { workspace } = stranger;
    expect(existsSync(workspace.path('pnpm-lock.yaml'))).toBe(true);
    expect(['nx-deploy', 'nx-env-sync', 'nx-build-manifest'].map((name) => existsSync(workspace.path('node_modules', name, 'package.json')))).toEqual([true, true, true]);
    expect(['nx-health', 'zod', 'execa', 'ajv', 'jsonc-parser'].filter((name) => existsSync(workspace.path('node_modules', name)))).toEqual([]);
    expect((await stranger.changed()).filter((file) => !['nx.json', 'package.json', 'pnpm-lock.yaml', 'pnpm-workspace.yaml'].includes(file))).toEqual([]);
    await workspace.commit('nx-deploy');
  }, 600_000);

  it('sets a plain package up, deploys and goes back', async () => {
    const { workspace } = stranger;
    workspace.write('packages/api/package.json', { name: '@shop/api', version: '1.0.0', private: true, type: 'module', main: 'dist/main.js', scripts: { build: 'tsc -p tsconfig.json' } });
    workspace.write('packages/api/tsconfig.json', { compilerOptions: { target: 'es2022', module: 'nodenext', rootDir: 'src', outDir: 'dist', types: [], skipLibCheck: true, noCheck: true }, include: ['src'] });
    workspace.write('packages/api/src/main.ts', SERVER);
    await workspace.commit('a service');
    await stranger.nx('g', 'nx-deploy:setup', 'api', `--listen=${port}`);
    expect((await stranger.changed()).filter((file) => !file.startsWith('packages/api/'))).toEqual([]);
    await workspace.commit('set up');
    await stranger.nx('g', 'nx-deploy:setup', 'api');
    expect(await stranger.changed()).toEqual([]);
    expect((await stranger.nx('run', 'api:deploy', '--configuration=staging')).output).toMatch(/^deployed: shop-api staging in /m);
    expect((await ask(`http://127.0.0.1:${port}/`)).body).toBe('by pnpm');
    workspace.write('packages/api/src/main.ts', SERVER.replace('by pnpm', 'changed'));
    await stranger.nx('affected', '-t', 'deploy', '--configuration=staging');
    expect((await ask(`http://127.0.0.1:${port}/`)).body).toBe('changed');
    await stranger.nx('run', 'api:rollback', '--configuration=staging');
    expect((await ask(`http://127.0.0.1:${port}/`)).body).toBe('by pnpm');
  }, 600_000);

  it('runs the executors of the other packages', async () => {
    expect((await stranger.nx('run', 'api:env-validate', '--configuration=staging')).output).toContain('environment staging of @shop/api: valid');
    await stranger.nx('run', 'api:build-manifest', '--configuration=staging');
    expect(existsSync(stranger.workspace.path('dist/manifests/packages/api/build-manifest.json'))).toBe(true);
    expect((await stranger.bin('nx-deploy', 'status', 'api', '-c', 'staging')).output).toContain('shop-api');
  }, 600_000);
});
