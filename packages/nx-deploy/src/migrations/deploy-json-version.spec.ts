import { addProjectConfiguration, logger } from '@nx/devkit';
import type { Tree } from '@nx/devkit';
import { createTreeWithEmptyWorkspace } from '@nx/devkit/testing';
import { parseConfig } from '../config/load.js';
import writeVersion from './deploy-json-version.js';

let tree: Tree;

beforeEach(() => {
  tree = createTreeWithEmptyWorkspace();
  for (const name of ['api', 'web', 'library']) addProjectConfiguration(tree, name, { root: name });
});

afterEach(() => {
  jest.restoreAllMocks();
});

it('writes the version into each deploy.json of a project, and keeps all else', () => {
  const own = '{\n  // ours\n  "artifact": { "type": "files" }, "environments": { "staging": {} },\n}\n';
  tree.write('api/deploy.json', own);
  tree.write('web/deploy.json', '{\n  "$schema": "x",\n  "artifact": { "type": "files" },\n  "environments": { "staging": {} }\n}\n');
  tree.write('elsewhere/deploy.json', '{ "foreign": true }');
  writeVersion(tree);
  expect(tree.read('api/deploy.json', 'utf8')).toBe(own.replace('{\n', '{\n  "version": 1,\n'));
  expect(parseConfig(tree.read('web/deploy.json', 'utf8') ?? '', 'f').config.version).toBe(1);
  expect(tree.read('elsewhere/deploy.json', 'utf8')).toBe('{ "foreign": true }');
  expect(tree.exists('library/deploy.json')).toBe(false);
});

it('changes nothing the second time, nor a file that tells its version', () => {
  tree.write('api/deploy.json', '{ "artifact": {} }');
  tree.write('web/deploy.json', '{ "version": 7 }');
  writeVersion(tree);
  const once = tree.read('api/deploy.json', 'utf8');
  writeVersion(tree);
  expect(tree.read('api/deploy.json', 'utf8')).toBe(once);
  expect(tree.read('web/deploy.json', 'utf8')).toBe('{ "version": 7 }');
});

it.each(['{ "artifact": ', '[]', '{}', ''])('leaves %j alone and tells it', (text) => {
  const warn = jest.spyOn(logger, 'warn').mockImplementation();
  tree.write('api/deploy.json', text);
  writeVersion(tree);
  expect(tree.read('api/deploy.json', 'utf8')).toBe(text);
  expect(warn.mock.calls).toEqual([['api/deploy.json is left as it is: it holds no JSON object with keys']]);
});
