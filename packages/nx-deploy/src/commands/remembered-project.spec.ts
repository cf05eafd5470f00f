import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { rememberedProject } from './remembered-project.js';

let root: string;
beforeEach(async () => { root = await mkdtemp(join(tmpdir(), 'nx-deploy-remembered-')); });
afterEach(() => rm(root, { recursive: true, force: true }));

async function graph(folder: string, content: unknown): Promise<void> {
  const file = join(root, folder, 'project-graph.json');
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, typeof content === 'string' ? content : JSON.stringify(content));
}

const node = (folder: unknown): object => ({ nodes: { api: { name: 'api', type: 'app', data: { root: folder } } }, errors: [] });

test('the root of a project that Nx wrote down', async () => {
  await graph('.nx/workspace-data', node('services/api'));
  expect(rememberedProject(root, 'api', {})).toEqual({ name: 'api', root: 'services/api' });
  expect(rememberedProject(root, 'web', {})).toBeUndefined();
  expect(rememberedProject(root, 'constructor', {})).toBeUndefined();
});

test('it lies where the variables of Nx say, and the newer name wins', async () => {
  await graph('.nx/workspace-data', node('default'));
  await graph('elsewhere', node('relative'));
  await graph('older', node('old'));
  const older = { NX_PROJECT_GRAPH_CACHE_DIRECTORY: join(root, 'older') };
  expect(rememberedProject(root, 'api', older)).toEqual({ name: 'api', root: 'old' });
  expect(rememberedProject(root, 'api', { ...older, NX_WORKSPACE_DATA_DIRECTORY: 'elsewhere' })).toEqual({ name: 'api', root: 'relative' });
  expect(rememberedProject(root, 'api', { NX_WORKSPACE_DATA_DIRECTORY: 'nowhere' })).toBeUndefined();
});

test.each([
  ['no JSON', '{ "nodes": '],
  ['another form', []],
  ['no text as root', node(1)],
  ['a graph with errors', { ...node('services/api'), errors: [{ message: 'a plugin failed' }] }],
  ['null', 'null'],
])('nothing is remembered from %s', async (_, content) => {
  await graph('.nx/workspace-data', content);
  expect(rememberedProject(root, 'api', {})).toBeUndefined();
});

test('a part of a name is enough where one project has it', async () => {
  const data = (folder: string): object => ({ data: { root: folder } });
  await graph('.nx/workspace-data', { nodes: { '@shop/api': data('apps/api'), '@shop/web': data('apps/web'), '@store/web': data('store/web') }, errors: [] });
  expect(rememberedProject(root, 'api', {})).toEqual({ name: '@shop/api', root: 'apps/api' });
  expect(rememberedProject(root, 'web', {})).toBeUndefined();
});
