import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '../shell/programs.spec-support.js';
import { isNewer, packageVersion } from './version.js';

const root = temporaryFolder('version');

/** The row of the specification, and what surrounds it: oldest first. */
const ORDER = ['0.9.9', '1.0.0-1', '1.0.0-2', '1.0.0-10', '1.0.0-alpha', '1.0.0-alpha.1', '1.0.0-alpha.beta', '1.0.0-beta', '1.0.0-beta.2', '1.0.0-beta.11', '1.0.0-rc.1', '1.0.0', '1.0.1', '1.2.0', '1.10.0', '10.0.0'];

test('versions are ordered as semantic versioning says', () => {
  for (const [index, version] of ORDER.entries()) {
    for (const [other, than] of ORDER.entries()) expect([version, than, isNewer(version, than)]).toEqual([version, than, index > other]);
  }
  expect(isNewer('1.0.0+build.2', '1.0.0+build.1')).toBe(false);
});

test.each([['1', '0.1.0'], ['0.1.0', '1'], ['2.0.0', undefined], ['', ''], ['v2.0.0', '1.0.0']])('%j against %j: nothing is known', (version, than) => {
  expect(isNewer(version, than)).toBe(false);
});

test.each([
  ['{"name":"nx-deploy","version":"1.2.3"}', '1.2.3'],
  ['{"name":"nx-deploy","version":"latest"}', undefined],
  ['{"name":"nx-deploy","version":7}', undefined],
  ['{"name":"other","version":"1.2.3"}', undefined],
  ['null', undefined],
  ['{', undefined],
])('the package %s is of version %j', (text, version) => {
  const bundles = join(root, 'dist/bundles');
  mkdirSync(bundles, { recursive: true });
  writeFileSync(join(root, 'package.json'), text);
  expect(packageVersion(bundles)).toBe(version);
  expect(packageVersion(join(root, 'none/dist/bundles'))).toBeUndefined();
});
