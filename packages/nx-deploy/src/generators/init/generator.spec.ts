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

it('registers the plugin and adds the packages', async () => {
  await initGenerator(tree);
  expect(readNxJson(tree)?.plugins).toEqual([{ plugin: 'nx-deploy/plugin' }]);
  expect(readJson(tree, 'package.json').devDependencies).toEqual({ 'nx-deploy': expect.stringMatching(/^\d+\.\d+\.\d+/), 'nx-env-sync': expect.stringMatching(/\d+\.\d+/), 'nx-build-manifest': expect.stringMatching(/\d+\.\d+/) });
});

it('changes nothing the second time', async () => {
  await initGenerator(tree);
  const before = tree.listChanges().map(({ path, content }) => [path, content?.toString()]);
  const install = await initGenerator(tree);
  expect(tree.listChanges().map(({ path, content }) => [path, content?.toString()])).toEqual(before);
  await expect(Promise.resolve().then(install)).resolves.toBeUndefined();
});

it.each([['nx-deploy/plugin'], [{ plugin: 'nx-deploy/plugin', options: { targetNames: { deploy: 'ship' } } }]])('leaves the registration %j and other plugins alone', async (mine) => {
  updateNxJson(tree, { ...readNxJson(tree), plugins: ['@nx/js', mine] });
  await initGenerator(tree, { skipFormat: true });
  expect(readNxJson(tree)?.plugins).toEqual(['@nx/js', mine]);
});

it('keeps versions that are there', async () => {
  writeJson(tree, 'package.json', { name: 'w', dependencies: { 'nx-deploy': '0.0.1' }, devDependencies: { 'nx-build-manifest': 'file:y', 'nx-env-sync': 'file:x' } });
  await initGenerator(tree, { skipFormat: true });
  expect(readJson(tree, 'package.json')).toEqual({ name: 'w', dependencies: { 'nx-deploy': '0.0.1' }, devDependencies: { 'nx-build-manifest': 'file:y', 'nx-env-sync': 'file:x' } });
});

it('leaves package.json alone on request', async () => {
  const before = tree.read('package.json', 'utf8');
  await initGenerator(tree, { skipPackageJson: true, skipFormat: true });
  expect(tree.read('package.json', 'utf8')).toBe(before);
  expect(readNxJson(tree)?.plugins).toEqual([{ plugin: 'nx-deploy/plugin' }]);
});
