import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { testWorkspace } from '../workspace.spec-support.js';
import type { Components, GraphView } from './component.js';
import { componentFacts } from './index.js';
import { licenseOf } from './installed.js';

const workspace = testWorkspace();
const find = async (graph?: GraphView): Promise<Components> =>
  componentFacts({ workspaceRoot: workspace.root, projectRoot: join(workspace.root, 'apps/api'), projectName: 'api', artifacts: [], ...(graph === undefined ? {} : { graph }) });
const installed = (path: string, content: object): Record<string, object> => ({ [`${path}/package.json`]: { name: path.slice(path.lastIndexOf('node_modules/') + 13), version: '1.0.0', ...content } });
const listed = async (graph?: GraphView): Promise<readonly string[]> => ((await find(graph)).packages?.list ?? []).map(({ name, version, license }) => `${name}@${version} ${license ?? '-'}`);

const node = (root: string): { name: string; data: { root: string } } => ({ name: root, data: { root } });
const external = (packageName: string, version: string): { data: { packageName: string; version: string } } => ({ data: { packageName, version } });

describe('third-party packages', () => {
  it('are those that the service runs with, each in the version that is loaded', async () => {
    workspace.write({
      'apps/api/package.json': { dependencies: { a: '1', '@s/b': '1' }, optionalDependencies: { gone: '1' }, devDependencies: { dev: '1' } },
      ...installed('node_modules/a', { license: 'MIT', dependencies: { c: '1' }, peerDependencies: { p: '1', absent: '1' } }),
      ...installed('node_modules/a/node_modules/c', { version: '2.0.0', license: 'ISC' }),
      ...installed('node_modules/@s/b', { license: { type: 'Apache-2.0' }, dependencies: { c: '1', a: '1' } }),
      ...installed('node_modules/c', { licenses: [{ type: 'MIT' }, { type: 'BSD-3-Clause' }] }),
      ...installed('node_modules/p', {}),
      ...installed('node_modules/dev', { license: 'MIT' }),
    });
    expect(await listed()).toEqual(['@s/b@1.0.0 Apache-2.0', 'a@1.0.0 MIT', 'c@1.0.0 (MIT OR BSD-3-Clause)', 'c@2.0.0 ISC', 'p@1.0.0 -']);
    expect((await find()).packages).not.toHaveProperty('missing');
  });

  it('are found behind links, as pnpm installs them, and through libraries of the workspace', async () => {
    workspace.write({
      'apps/api/package.json': { dependencies: { lib: '*', a: '1' } },
      'libs/lib/package.json': { name: 'lib', version: '3.0.0', dependencies: { b: '1' } },
      ...installed('node_modules/.pnpm/a@1/node_modules/a', { dependencies: { c: '1' } }),
      ...installed('node_modules/.pnpm/a@1/node_modules/c', {}),
      ...installed('libs/lib/node_modules/b', {}),
    });
    mkdirSync(join(workspace.root, 'apps/api/node_modules'), { recursive: true });
    symlinkSync('../../../node_modules/.pnpm/a@1/node_modules/a', join(workspace.root, 'apps/api/node_modules/a'));
    symlinkSync('../../../libs/lib', join(workspace.root, 'apps/api/node_modules/lib'));
    expect(await listed()).toEqual(['a@1.0.0 -', 'b@1.0.0 -', 'c@1.0.0 -']);
    const graph = { nodes: { api: node('apps/api'), lib: node('libs/lib') }, dependencies: { api: [{ target: 'lib' }], lib: [{ target: 'api' }] } };
    expect(await listed(graph)).toEqual(['a@1.0.0 -', 'b@1.0.0 -', 'c@1.0.0 -']);
    expect((await find(graph)).libraries).toEqual([{ name: 'lib', root: 'libs/lib', version: '3.0.0' }]);
  });

  it('are found in a store outside of the workspace, but not beside it', async () => {
    workspace.write({
      'w/apps/api/package.json': { dependencies: { a: '1', outside: '1' } },
      ...installed('store/a@1/node_modules/a', { dependencies: { b: '1' } }), ...installed('store/a@1/node_modules/b', {}), ...installed('node_modules/outside', {}),
    });
    mkdirSync(join(workspace.root, 'w/node_modules'));
    symlinkSync('../../store/a@1/node_modules/a', join(workspace.root, 'w/node_modules/a'));
    const { packages } = await componentFacts({ workspaceRoot: join(workspace.root, 'w'), projectRoot: join(workspace.root, 'w/apps/api'), projectName: 'api', artifacts: [] });
    expect(packages).toMatchObject({ list: [{ name: 'a' }, { name: 'b' }], missing: ['outside'] });
  });

  it('are those that the graph sees for a project without a package.json, but for what is for development only', async () => {
    workspace.write({
      'package.json': { dependencies: { a: '1', unused: '1' }, devDependencies: { jest: '1', a: '1' } },
      ...installed('node_modules/a', {}), ...installed('node_modules/jest', {}), ...installed('node_modules/unused', {}),
    });
    const graph = {
      nodes: { api: node('apps/api') }, externalNodes: { 'npm:a': external('a', '1.0.0'), 'npm:jest': external('jest', '1.0.0') },
      dependencies: { api: [{ target: 'npm:a' }, { target: 'npm:jest' }] },
    };
    expect(await listed(graph)).toEqual(['a@1.0.0 -']);
    expect(await listed()).toEqual(['a@1.0.0 -', 'unused@1.0.0 -']);
  });

  it('are taken from the graph where nothing is installed, or named as missing', async () => {
    workspace.write({ 'apps/api/package.json': { dependencies: { a: '1', b: '1', '../../evil': '1' } } });
    expect((await find()).packages).toEqual({ count: 0, list: [], missing: ['a', 'b'] });
    const graph = {
      nodes: { api: node('apps/api') }, externalNodes: { 'npm:a': external('a', '1.2.3'), 'npm:c': external('c', '4.0.0') },
      dependencies: { api: [{ target: 'npm:a' }], 'npm:a': [{ target: 'npm:c' }, { target: 'npm:a' }] },
    };
    expect((await find(graph)).packages).toEqual({ count: 2, list: [{ name: 'a', version: '1.2.3' }, { name: 'c', version: '4.0.0' }], missing: ['b'] });
  });

  it('are unknown without any package.json, and a broken one is an error that names it', async () => {
    expect(await find()).toEqual({});
    workspace.write({ 'apps/api/package.json': { dependencies: { a: '1' } }, 'node_modules/a/package.json': '{' });
    await expect(find()).rejects.toThrow(/a.package\.json is not valid JSON/);
  });

  it('are few of a graph with 40,000, quickly', async () => {
    const names = Array.from({ length: 40_000 }, (_, index) => `npm:p${index}`);
    const graph: GraphView = {
      nodes: { api: node('apps/api') }, externalNodes: Object.fromEntries(names.map((name) => [name, external(name.slice(4), '1.0.0')])),
      dependencies: { api: [{ target: 'npm:p0' }], ...Object.fromEntries(names.map((name, index) => [name, index < 3 ? [{ target: `npm:p${index + 1}` }] : []])) },
    };
    workspace.write({ 'apps/api/package.json': { dependencies: { p0: '1' } } });
    expect((await find(graph)).packages?.list.map(({ name }) => name)).toEqual(['p0', 'p1', 'p2', 'p3']);
  });
});

test('a project with a name of what every object has, and imports whose names climb, are no way out', async () => {
  workspace.write({ 'package.json': {}, ...installed('node_modules/a', { license: 'MIT' }), 'outside/package.json': { name: 'outside', version: '9.0.0' } });
  const graph = { nodes: {}, externalNodes: { 'npm:a': external('a', '1.0.0'), 'npm:x': external('../outside', '9.0.0') }, dependencies: { constructor: [{ target: 'npm:a' }, { target: 'npm:x' }, { target: 'toString' }] } };
  const of = async (projectName: string, dependencies: object): Promise<readonly string[]> =>
    ((await componentFacts({ workspaceRoot: workspace.root, projectRoot: join(workspace.root, 'apps/none'), projectName, artifacts: [], graph: { ...graph, dependencies } as unknown as GraphView })).packages?.list ?? []).map(({ name }) => name);
  expect(await of('constructor', graph.dependencies)).toEqual(['a']);
  expect(await of('toString', {})).toEqual([]);
});

test.each([
  [{ license: 'MIT' }, 'MIT'], [{ license: '' }, undefined], [{ license: 7 }, undefined], [{ licenses: 'MIT' }, undefined], [{ licenses: [{ type: 'MIT' }] }, 'MIT'],
  [{ license: 'x'.repeat(501) }, undefined], [{}, undefined],
])('the licence of %j is %s', (content, expected) => {
  expect(licenseOf(content)).toBe(expected);
});

describe('a frontend', () => {
  it('is an artifact with an index.html, and everything below that', async () => {
    const file = (path: string, bytes: number): { path: string; bytes: number; sha256: string } => ({ path, bytes, sha256: 'a'.repeat(64) });
    const artifacts = [
      { path: 'apps/api/dist', bytes: 100, sha256: 'b', files: [file('server.js', 1), file('web/index.html', 2), file('web/a/index.html', 4), file('web/a.MJS', 8), file('web/a.mjs.map', 16), file('web/font.woff2', 32), file('web/LICENSE', 64), { path: 'web/link', link: 'x' }] },
      { path: 'other', bytes: 1, sha256: 'c', files: [file('main.js', 1)] },
      { path: 'x.tgz', bytes: 1, sha256: 'd' },
    ];
    const { frontend } = await componentFacts({ workspaceRoot: workspace.root, projectRoot: workspace.root, projectName: 'x', artifacts });
    expect(frontend).toEqual([{
      index: 'apps/api/dist/web/index.html', files: 6, bytes: 126,
      assets: { scripts: { files: 1, bytes: 8 }, pages: { files: 2, bytes: 6 }, fonts: { files: 1, bytes: 32 }, maps: { files: 1, bytes: 16 }, other: { files: 1, bytes: 64 } },
    }]);
  });
});
