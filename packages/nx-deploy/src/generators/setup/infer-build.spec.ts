import { addProjectConfiguration, getProjects, writeJson } from '@nx/devkit';
import type { ProjectConfiguration, TargetConfiguration, Tree } from '@nx/devkit';
import { createTreeWithEmptyWorkspace } from '@nx/devkit/testing';
import { inferBuild } from './infer-build.js';
import type { Build } from './infer-build.js';

let tree: Tree;

beforeEach(() => {
  tree = createTreeWithEmptyWorkspace();
});

/** A new workspace with one project. */
function infer(build: TargetConfiguration | undefined, files: Readonly<Record<string, string>> = {}, root = 'apps/api'): Build | undefined {
  tree = createTreeWithEmptyWorkspace();
  addProjectConfiguration(tree, 'api', { root, ...(build === undefined ? {} : { targets: { build } }) });
  for (const [file, text] of Object.entries(files)) tree.write(`${root}/${file}`, text);
  return inferBuild(tree, getProjects(tree).get('api') as ProjectConfiguration, 'build');
}

describe('a build target', () => {
  const main = 'apps/api/src/main.ts';

  it.each([
    ['@nx/esbuild:esbuild', { main, outputPath: 'dist/apps/api', format: ['cjs'] }, 'dist/apps/api', 'main.cjs', 'traced'],
    ['@nx/esbuild:esbuild', { main, outputPath: 'dist/apps/api', format: ['esm'] }, 'dist/apps/api', 'main.js', 'traced'],
    ['@nx/esbuild:esbuild', { main, outputPath: 'dist/apps/api' }, 'dist/apps/api', 'main.js', 'traced'],
    ['@nx/esbuild:esbuild', { main, outputPath: 'o', format: ['esm'], thirdParty: true, esbuildOptions: { outExtension: { '.js': '.mjs' } } }, 'o', 'main.mjs', 'bundled'],
    ['@nx/esbuild:esbuild', { main, outputPath: 'o', format: ['cjs'], thirdParty: true, bundle: false, esbuildOptions: { outExtension: { '.js': '.mjs' } } }, 'o', 'main.cjs', 'traced'],
    ['@nx/esbuild:esbuild', { main, outputPath: './o/', format: ['cjs'], outputFileName: 'bin/server.js' }, 'o', 'bin/server.cjs', 'traced'],
    ['@nx/esbuild:esbuild', { outputPath: '{projectRoot}/dist' }, 'apps/api/dist', 'main.js', 'traced'],
    ['@nx/webpack:webpack', { outputPath: 'dist/{projectName}' }, 'dist/api', 'main.js', 'traced'],
    ['@nx/webpack:webpack', { outputPath: 'd', externalDependencies: 'none', outputFileName: 'app.js' }, 'd', 'app.js', 'bundled'],
    ['@nx/vite:build', { outputPath: 'd' }, 'd', 'main.js', 'traced'],
    ['@nx/rollup:rollup', { outputPath: 'd' }, 'd', 'index.cjs.js', 'traced'],
    ['@nx/js:tsc', { outputPath: 'd', main }, 'd', 'src/main.js', 'traced'],
    ['@nx/js:tsc', { outputPath: 'd', main: 'apps/api/src/main.mts', rootDir: 'apps/api/src' }, 'd', 'main.mjs', 'traced'],
    ['@nx/js:swc', { outputPath: 'd' }, 'd', 'src/main.js', 'traced'],
  ])('of %s with %j', (executor, options, output, entry, dependencies) => {
    expect(infer({ executor, options })).toMatchObject({ output, entry, dependencies, from: expect.stringContaining(executor) });
  });

  it('may name its output by its outputs', () => {
    expect(infer({ executor: '@nx/webpack:webpack', outputs: ['{workspaceRoot}/dist/{projectRoot}'] })).toMatchObject({ output: 'dist/apps/api' });
  });

  it('of another kind tells its folder, and package.json the entry in it', () => {
    const files = { 'package.json': '{ "name": "api", "main": "out/server.js" }' };
    expect(infer({ executor: 'nx:run-commands', outputs: ['{options.dir}'], options: { dir: 'apps/api/out' } }, files)).toMatchObject({ output: 'apps/api/out', entry: 'server.js' });
  });

  it('of another kind without more to go by', () => {
    expect(infer({ executor: 'nx:run-commands', outputs: ['{projectRoot}/out'] })).toEqual({ output: 'apps/api/out', entry: 'main.js', dependencies: 'traced', from: 'the outputs of its build target' });
  });

  it('whose outputs are patterns tells nothing', () => {
    expect(infer({ executor: 'nx:run-commands', outputs: ['{projectRoot}/out/**/*.js'] })).toBeUndefined();
    expect(inferBuild(tree, { root: 'x', targets: { build: { outputs: ['{options.gone}'] } } }, 'build')).toBeUndefined();
  });
});

describe('package.json', () => {
  it.each([
    [{ scripts: { start: 'node -r ./otel.js --import ./more.mjs dist/main.js' } }, 'apps/api/dist', 'main.js'],
    [{ scripts: { start: 'node --enable-source-maps dist/main.js --verbose' } }, 'apps/api/dist', 'main.js'],
    [{ scripts: { start: 'NODE_ENV=production node ./build/src/server.mjs' }, main: 'lib/index.js' }, 'apps/api/build', 'src/server.mjs'],
    [{ scripts: { start: 'nest start' }, main: './lib/index.cjs' }, 'apps/api/lib', 'index.cjs'],
    [{ main: 'index.js' }, 'apps/api', 'index.js'],
  ])('%j', (manifest, output, entry) => {
    expect(infer(undefined, { 'package.json': JSON.stringify({ name: 'api', ...manifest }) })).toMatchObject({ output, entry, dependencies: 'traced', from: expect.stringContaining('apps/api/package.json') });
  });

  it.each([{ main: '../other/index.js' }, { main: '/abs.js' }, { main: 'src/index.ts' }, { scripts: { start: 'node .' } }, { scripts: 'x', main: 3 }])('%j tells nothing', (manifest) => {
    expect(infer(undefined, { 'package.json': JSON.stringify({ name: 'api', ...manifest }) })).toBeUndefined();
  });

  it('alone makes a project', () => {
    writeJson(tree, 'package.json', { name: 'root', workspaces: ['services/*'] });
    writeJson(tree, 'services/pay/package.json', { name: '@org/pay', main: 'dist/main.js' });
    const project = getProjects(tree).get('@org/pay') as ProjectConfiguration;
    expect(inferBuild(tree, project, 'build')).toMatchObject({ output: 'services/pay/dist', entry: 'main.js' });
  });

  it('of the root', () => {
    expect(infer(undefined, { 'package.json': '{ "name": "api", "main": "dist/main.js" }' }, '.')).toMatchObject({ output: 'dist', entry: 'main.js' });
  });
});

describe('configuration of a tool', () => {
  it.each([
    ['vite.config.ts', 'export default { build: { outDir: \'../../dist/apps/api\', ssr: true, rollupOptions: { output: { entryFileNames: "server.js" } } } }', 'dist/apps/api', 'server.js'],
    ['vite.config.mjs', 'export default {}', 'apps/api/dist', 'main.js'],
    ['webpack.config.js', 'module.exports = { output: { path: path.join(__dirname, \'out\'), filename: \'[name].js\' } }', 'apps/api/out', 'main.js'],
  ])('%s with %s', (file, source, output, entry) => {
    expect(infer(undefined, { [file]: source })).toMatchObject({ output, entry, from: `apps/api/${file}` });
  });

  it('that leads out of the workspace tells nothing', () => {
    expect(infer(undefined, { 'vite.config.ts': 'outDir: "../../../x"' })).toBeUndefined();
    expect(infer(undefined, { 'vite.config.ts': '', 'tsconfig.json': '{}' })).toMatchObject({ output: 'apps/api/dist' });
  });

  it('of the compiler, with comments', () => {
    const files = { 'tsconfig.json': '{ "files": [] }', 'tsconfig.app.json': '{ /* app */ "compilerOptions": { "outDir": "build", "rootDir": ".", }, }', 'src/server.ts': '' };
    expect(infer(undefined, files)).toMatchObject({ output: 'apps/api/build', entry: 'src/server.js', from: 'apps/api/tsconfig.app.json' });
  });

  it('of the compiler, without a root folder', () => {
    expect(infer(undefined, { 'tsconfig.json': '{ "compilerOptions": { "outDir": "build" } }', 'src/index.ts': '' })).toMatchObject({ entry: 'index.js' });
  });

  it('of the compiler, without a place to start or out of the workspace', () => {
    expect(infer(undefined, { 'tsconfig.json': '{ "compilerOptions": { "outDir": "build" } }' })).toBeUndefined();
    expect(infer(undefined, { 'src/main.ts': '', 'tsconfig.app.json': '{ "compilerOptions": { "outDir": "../../../x" } }', 'tsconfig.json': '{ broken' })).toBeUndefined();
  });
});
