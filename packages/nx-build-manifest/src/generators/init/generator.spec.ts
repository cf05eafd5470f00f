import { readJson, readNxJson, updateNxJson, writeJson } from '@nx/devkit';
import type { Tree } from '@nx/devkit';
import { createTreeWithEmptyWorkspace } from '@nx/devkit/testing';
import { initGenerator } from './generator.js';

let tree: Tree;

beforeEach(() => {
  tree = createTreeWithEmptyWorkspace();
  // The workspace of the test has no formatter, which Nx remarks upon.
  jest.spyOn(console, 'warn').mockImplementation();
});

afterEach(() => {
  jest.restoreAllMocks();
});

it('registers the plugin and adds the package', async () => {
  await initGenerator(tree);
  expect(readNxJson(tree)?.plugins).toEqual([{ plugin: 'nx-build-manifest/plugin' }]);
  expect(readJson(tree, 'package.json').devDependencies).toEqual({ 'nx-build-manifest': expect.stringMatching(/^\d+\.\d+\.\d+/) });
});

it('changes nothing the second time', async () => {
  await initGenerator(tree);
  const before = [tree.read('package.json', 'utf8'), tree.read('nx.json', 'utf8')];
  await (await initGenerator(tree))();
  expect([tree.read('package.json', 'utf8'), tree.read('nx.json', 'utf8')]).toEqual(before);
});

it.each([['nx-build-manifest/plugin'], [{ plugin: 'nx-build-manifest/plugin' }], ['nx-deploy/plugin'], [{ plugin: 'nx-deploy/plugin', options: {} }]])('takes %j for a plugin that writes the run file', async (there) => {
  updateNxJson(tree, { ...readNxJson(tree), plugins: ['@nx/js', there] });
  await initGenerator(tree, { skipFormat: true });
  expect(readNxJson(tree)?.plugins).toEqual(['@nx/js', there]);
});

it.each(['dependencies', 'devDependencies'])('keeps the version that is among the %s', async (kind) => {
  writeJson(tree, 'package.json', { name: 'w', [kind]: { 'nx-build-manifest': '0.0.1' } });
  await initGenerator(tree, { skipFormat: true });
  expect(readJson(tree, 'package.json')).toEqual({ name: 'w', [kind]: { 'nx-build-manifest': '0.0.1' } });
});

it('leaves package.json and nx.json alone on request', async () => {
  const before = [tree.read('package.json', 'utf8'), tree.read('nx.json', 'utf8')];
  await initGenerator(tree, { skipPackageJson: true, skipPlugin: true, skipFormat: true });
  expect([tree.read('package.json', 'utf8'), tree.read('nx.json', 'utf8')]).toEqual(before);
});
