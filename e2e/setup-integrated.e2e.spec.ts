import { mkdirSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { Machine, repository } from './support/machine.js';
import { exited } from './support/program.js';
import { askJson, freePort } from './support/request.js';
import type { Workspace } from './support/workspace.js';

const MAIN = `import { createServer } from 'node:http';
import { greeting } from '@shop/greeting';

const host = process.env.HOST ?? 'localhost';
const port = process.env.PORT ? Number(process.env.PORT) : 3000;

createServer((request, response) => {
  response.end(JSON.stringify(request.url === '/health' ? {} : { message: greeting('API') }));
}).listen(port, host);
`;

/** A folder of packages in place of the link to one, which a trace that looks for the library would take along. */
function ownFolder(folder: string): void {
  rmSync(folder);
  mkdirSync(folder);
  for (const name of readdirSync(join(repository, 'node_modules'))) symlinkSync(join(repository, 'node_modules', name), join(folder, name));
}

/** An integrated workspace as the generators of @nx/node and @nx/js 23.2 leave it: targets in project.json, output in dist of the workspace, a library by the paths of tsconfig.base.json. */
async function integrated(machine: Machine): Promise<Workspace> {
  const workspace = await machine.workspace();
  ownFolder(workspace.path('node_modules'));
  // Nx looks into sources, and so finds the library, where @nx/js is a dependency.
  const manifest = workspace.json<{ devDependencies: object }>('package.json');
  workspace.write('package.json', { ...manifest, devDependencies: { ...manifest.devDependencies, '@nx/js': '*', '@nx/esbuild': '*' } });
  workspace.write('.gitignore', 'node_modules\ndist\ntmp\n.nx\n');
  workspace.write('nx.json', { analytics: false, neverConnectToCloud: true });
  workspace.write('tsconfig.base.json', { compilerOptions: {
    rootDir: '.', sourceMap: true, moduleResolution: 'bundler', target: 'es2015', module: 'esnext', lib: ['es2020', 'dom'], skipLibCheck: true, strict: false,
    paths: { '@shop/greeting': ['./libs/greeting/src/index.ts'] },
  } });
  workspace.write('libs/greeting/src/index.ts', 'export const greeting = (name: string): string => `Hello ${name}`;\n');
  workspace.write('libs/greeting/project.json', { name: 'greeting', sourceRoot: 'libs/greeting/src', projectType: 'library' });
  workspace.write('libs/greeting/tsconfig.json', { extends: '../../tsconfig.base.json', files: [], include: [], references: [{ path: './tsconfig.lib.json' }] });
  workspace.write('libs/greeting/tsconfig.lib.json', { extends: './tsconfig.json', compilerOptions: { outDir: '../../dist/out-tsc', declaration: true, types: ['node'] }, include: ['src/**/*.ts'] });
  const esbuild = (sourcemap: boolean): object => ({ esbuildOptions: { sourcemap, outExtension: { '.js': '.js' } } });
  workspace.write('apps/api/project.json', { name: 'api', sourceRoot: 'apps/api/src', projectType: 'application', targets: {
    'build': {
      executor: '@nx/esbuild:esbuild', outputs: ['{options.outputPath}'], defaultConfiguration: 'production',
      options: { platform: 'node', outputPath: 'dist/apps/api', format: ['cjs'], bundle: false, main: 'apps/api/src/main.ts', tsConfig: 'apps/api/tsconfig.app.json', assets: ['apps/api/src/assets'], generatePackageJson: false, ...esbuild(true) },
      configurations: { development: {}, production: esbuild(false) },
    },
  } });
  workspace.write('apps/api/tsconfig.json', { extends: '../../tsconfig.base.json', files: [], include: [], references: [{ path: './tsconfig.app.json' }], compilerOptions: { esModuleInterop: true } });
  workspace.write('apps/api/tsconfig.app.json', { extends: './tsconfig.json', compilerOptions: { outDir: '../../dist/out-tsc', module: 'commonjs', types: ['node'] }, include: ['src/**/*.ts'] });
  workspace.write('apps/api/src/main.ts', MAIN);
  workspace.write('apps/api/src/assets/.gitkeep', '');
  await workspace.commit('an integrated workspace');
  return workspace;
}

describe('setup in an integrated workspace', () => {
  const machine = new Machine('integrated');
  let workspace: Workspace;
  let port = 0;

  beforeAll(async () => {
    workspace = await integrated(machine);
    port = await freePort();
  });
  afterAll(() => machine.dispose());

  const changed = async (): Promise<readonly string[]> =>
    (await workspace.git('status', '--porcelain', '--untracked-files=all')).stdout.split('\n').filter((line) => line !== '').map((line) => line.slice(3)).sort();

  it('writes its own files, once, and leaves it building', async () => {
    exited(await workspace.nx('build', 'api'), 0);
    exited(await workspace.nx('g', 'nx-deploy:setup', 'api', `--listen=${port}`, '--no-interactive'), 0);
    expect(await changed()).toEqual(['apps/api/deploy.json', 'apps/api/environments/env.schema.json', 'apps/api/environments/production.env', 'apps/api/environments/staging.env', 'nx.json']);
    expect(workspace.json('apps/api/deploy.json')).toMatchObject({ artifact: { type: 'files', path: '{workspaceRoot}/dist/apps/api', entry: 'main.js', dependencies: 'traced' }, health: { path: '/health' } });
    await workspace.commit('set up');
    exited(await workspace.nx('g', 'nx-deploy:setup', '--all', '--no-interactive'), 0);
    expect(await changed()).toEqual([]);
    exited(await workspace.nx('build', 'api'), 0);
  });

  it('leads to deploys and back, with the library that the service loads', async () => {
    const { output } = exited(await workspace.nx('run', 'api:deploy', '--configuration=staging'), 0);
    expect(output).not.toContain('Failed to resolve');
    expect(await askJson(`http://127.0.0.1:${port}/`)).toEqual({ message: 'Hello API' });
    workspace.write('libs/greeting/src/index.ts', workspace.read('libs/greeting/src/index.ts').replace('Hello', 'Good day'));
    exited(await workspace.nx('affected', '-t', 'deploy', '--base=HEAD', '--configuration=staging'), 0);
    expect(await askJson(`http://127.0.0.1:${port}/`)).toEqual({ message: 'Good day API' });
    exited(await workspace.nx('run', 'api:rollback', '--configuration=staging'), 0);
    expect(await askJson(`http://127.0.0.1:${port}/`)).toEqual({ message: 'Hello API' });
    await workspace.git('checkout', '--quiet', '.');
    expect(await changed()).toEqual([]);
  });
});
