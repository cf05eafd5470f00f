import { Machine } from './support/machine.js';
import { exited } from './support/program.js';
import { ask, freePort } from './support/request.js';
import type { Workspace } from './support/workspace.js';

const SERVER = `
const http = require('node:http');
const server = http.createServer((request, response) => {
  if (request.url === '/healthz') return response.end('ok');
  response.end(process.env.GREETING ?? 'no greeting');
});
server.listen(Number(process.env.PORT ?? 3000), process.env.HOST);
process.on('SIGTERM', () => server.close(() => process.exit(0)));
`;

const TYPED = `
import { createServer } from 'node:http';
const text: string = 'bundled';
createServer((request, response) => {
  response.end(request.url === '/health' ? 'ok' : text);
}).listen(Number(process.env['PORT'] ?? 3000), process.env['HOST'], () => { console.log('ready', process.env['API_TOKEN'] === undefined); });
process.on('SIGTERM', () => process.exit(0));
`;

/** From a project that knows nothing of deploys to one that is deployed: `nx g nx-deploy:setup`, then deploy. */
describe('setup', () => {
  const machine = new Machine('setup');
  let workspace: Workspace;
  let port = 0;

  beforeAll(async () => {
    workspace = await machine.workspace();
    port = await freePort();
    workspace.write('nx.json', { analytics: false, neverConnectToCloud: true });
    workspace.write('services/plain/package.json', { name: 'plain', version: '1.2.3', private: true, scripts: { start: 'node dist/server.js' } });
    workspace.write('services/plain/src/server.js', SERVER);
    workspace.write('services/plain/project.json', {
      name: 'plain', sourceRoot: 'services/plain/src',
      targets: { build: { executor: 'nx:run-commands', outputs: ['{projectRoot}/dist'], options: { command: 'node build.js', cwd: 'services/plain' } } },
    });
    workspace.write('services/plain/build.js', "require('node:fs').cpSync('src', 'dist', { recursive: true });\n");
    workspace.write('services/bundle/src/main.ts', TYPED);
    workspace.write('services/bundle/tsconfig.json', { compilerOptions: { target: 'ES2022', module: 'nodenext', types: ['node'], strict: true }, include: ['src'] });
    workspace.write('services/bundle/project.json', {
      name: 'bundle', projectType: 'application', sourceRoot: 'services/bundle/src',
      targets: { build: { executor: '@nx/esbuild:esbuild', cache: true, outputs: ['{options.outputPath}'], options: {
        main: 'services/bundle/src/main.ts', outputPath: 'dist/services/bundle', tsConfig: 'services/bundle/tsconfig.json', platform: 'node', format: ['cjs'],
        bundle: true, thirdParty: true, declaration: false, skipTypeCheck: true, generatePackageJson: false,
      } } },
    });
    await workspace.commit('two projects');
  });
  afterAll(() => machine.dispose());

  const changed = async (): Promise<readonly string[]> =>
    (await workspace.git('status', '--porcelain', '--untracked-files=all')).stdout.split('\n').filter((line) => line !== '').map((line) => line.slice(3)).sort();

  it('shows what it would write and writes nothing', async () => {
    exited(await workspace.nx('g', 'nx-deploy:setup', 'plain,bundle', `--listen=${port}`, '--dry-run', '--no-interactive'), 0);
    expect(await changed()).toEqual([]);
  });

  it('writes what is missing: configuration, environments, schema and the plugin', async () => {
    const { output } = exited(await workspace.nx('g', 'nx-deploy:setup', 'plain,bundle', `--listen=${port}`, '--no-interactive'), 0);
    expect(output).toMatch(/plain: services\/plain\/deploy\.json written/);
    expect(await changed()).toEqual(['nx.json', ...['bundle', 'plain'].flatMap((name) => [
      `services/${name}/deploy.json`,
      `services/${name}/environments/env.schema.json`,
      `services/${name}/environments/production.env`,
      `services/${name}/environments/staging.env`,
    ])]);
    expect(workspace.json('nx.json')).toMatchObject({ plugins: [{ plugin: 'nx-deploy/plugin' }] });
    expect(workspace.json('services/plain/deploy.json')).toMatchObject({
      service: 'plain', artifact: { path: 'dist', entry: 'server.js' }, health: { path: '/healthz' }, environments: { staging: { listen: port, instances: 2 } },
    });
    expect(workspace.json('services/bundle/deploy.json')).toMatchObject({
      service: 'bundle', artifact: { path: '{workspaceRoot}/dist/services/bundle', dependencies: 'bundled' }, health: { path: '/health' },
    });
    expect(workspace.json('services/bundle/environments/env.schema.json')).toMatchObject({ properties: { API_TOKEN: { 'x-secret': true } } });
  });

  it('changes nothing the second time', async () => {
    await workspace.commit('set up');
    exited(await workspace.nx('g', 'nx-deploy:setup', 'plain,bundle', '--no-interactive'), 0);
    expect(await changed()).toEqual([]);
  });

  it('leads to targets that build and deploy both', async () => {
    const shown = JSON.parse(exited(await workspace.nx('show', 'project', 'plain', '--json'), 0).stdout) as { targets: Record<string, { configurations?: object }> };
    expect(Object.keys(shown.targets)).toEqual(expect.arrayContaining(['build', 'deploy', 'rollback', 'status', 'logs', 'env-validate']));
    expect(Object.keys(shown.targets['deploy']?.configurations ?? {})).toEqual(['staging', 'production']);
    workspace.write('services/plain/environments/staging.env', 'GREETING=hello\n');
    exited(await workspace.nx('run-many', '-t', 'deploy', '--configuration=staging'), 0);
    expect((await ask(`http://127.0.0.1:${port}/`)).body).toBe('hello');
    const { url } = await workspace.status('bundle');
    expect((await ask(url ?? '')).body).toBe('bundled');
    expect(await changed()).toEqual(['services/plain/environments/staging.env']);
  });

  it('adds an environment to a file that a person has written, and keeps their words', async () => {
    const own = workspace.read('services/plain/deploy.json').replace('{', '{\n  // ours\n');
    workspace.write('services/plain/deploy.json', own);
    exited(await workspace.nx('g', 'nx-deploy:setup', 'plain', '--environments=qa', '--no-interactive'), 0);
    const extended = workspace.read('services/plain/deploy.json');
    expect(extended).toContain('// ours');
    expect(extended).toContain('"qa"');
    expect(exited(await workspace.bin('deploy', 'plain', '-c', 'qa', '--dry-run'), 0).output).toMatch(/dry run: nothing was changed/);
  });

  it('is followed by an environment for all, and a Dockerfile', async () => {
    await workspace.commit('qa');
    exited(await workspace.nx('g', 'nx-deploy:environment', 'preview', '--from=staging', '--dry-run', '--no-interactive'), 0);
    expect(await changed()).toEqual([]);
    const { output } = exited(await workspace.nx('g', 'nx-deploy:environment', 'preview', '--from=staging', '--no-interactive'), 0);
    expect(output).toMatch(/bundle: services\/bundle\/deploy\.json extended\nplain: services\/plain\/deploy\.json extended/);
    expect(await changed()).toEqual(['bundle', 'plain'].flatMap((name) => [`services/${name}/deploy.json`, `services/${name}/environments/preview.env`]));
    expect(exited(await workspace.bin('deploy', 'bundle', '-c', 'preview', '--dry-run'), 0).output).toMatch(/dry run: nothing was changed/);
    await workspace.commit('preview');
    exited(await workspace.nx('g', 'nx-deploy:dockerfile', 'bundle', '--no-interactive'), 0);
    expect(await changed()).toEqual(['services/bundle/Dockerfile']);
    expect(workspace.read('services/bundle/Dockerfile')).toContain('COPY dist/services/bundle ./\n');
  });

  it('refuses a project that is not there', async () => {
    const ending = await workspace.nx('g', 'nx-deploy:setup', 'plian', '--no-interactive');
    expect(ending.code).not.toBe(0);
    expect(ending.output).toMatch(/ND-PROJECT-UNKNOWN[^]*did you mean plain\?/);
  });
});
