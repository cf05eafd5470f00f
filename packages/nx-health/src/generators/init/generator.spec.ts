import { readJson, readNxJson, writeJson } from '@nx/devkit';
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

it('adds the package, and registers no plugin, for it has none', async () => {
  const before = readNxJson(tree);
  await initGenerator(tree);
  expect(readJson(tree, 'package.json').devDependencies).toEqual({ 'nx-health': expect.stringMatching(/^\d+\.\d+\.\d+/) });
  expect(readNxJson(tree)).toEqual(before);
});

it('changes nothing the second time', async () => {
  await initGenerator(tree);
  const before = tree.read('package.json', 'utf8');
  await (await initGenerator(tree))();
  expect(tree.read('package.json', 'utf8')).toBe(before);
});

it.each(['dependencies', 'devDependencies'])('keeps the version that is among the %s', async (kind) => {
  writeJson(tree, 'package.json', { name: 'w', [kind]: { 'nx-health': '0.0.1' } });
  await initGenerator(tree, { skipFormat: true });
  expect(readJson(tree, 'package.json')).toEqual({ name: 'w', [kind]: { 'nx-health': '0.0.1' } });
});

it('leaves package.json alone on request', async () => {
  const before = tree.read('package.json', 'utf8');
  await initGenerator(tree, { skipPackageJson: true, skipFormat: true });
  expect(tree.read('package.json', 'utf8')).toBe(before);
});

