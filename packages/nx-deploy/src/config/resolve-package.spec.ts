import { DeployError } from '../errors.js';
import { parseConfig } from './load.js';
import { resolveEnvironment } from './resolve.js';
import { resolvePackage } from './resolve-package.js';
import type { PackageArtifact } from './resolved.js';

const place = { workspaceRoot: '/w', projectRoot: 'apps/api' };
const text = (artifact: object, more: object = {}): string => JSON.stringify({ artifact: { type: 'package', ...artifact }, environments: { staging: {} }, ...more }, undefined, 2);
const resolved = (artifact: object, more: object = {}, secrets: string[] = []): PackageArtifact => resolvePackage({ ...parseConfig(text(artifact, more), '/w/apps/api/deploy.json'), ...place, secrets });

function problems(work: () => unknown): readonly string[] {
  try {
    work();
  } catch (thrown) {
    if (thrown instanceof DeployError && thrown.code === 'ND-CONFIG-INVALID') return thrown.parts.problems ?? [];
    throw thrown;
  }
  throw new Error('it was not refused');
}

test('what is not said has its default', () => {
  expect(resolved({})).toEqual({
    type: 'package', path: '/w/apps/api/dist', entry: 'main.js', dependencies: 'bundled', assets: [], templates: [], exclude: [], requires: { services: [] }, command: ['node', 'main.js'],
    folders: { scripts: ['scripts/**'], docs: ['README.md', 'CHANGELOG.md', 'LICENSE*', 'docs/**/*.md'], tests: ['smoke/**', 'test/smoke/**', 'tests/smoke/**'] },
    smoke: { env: {}, timeout: 20_000, path: '/health' },
  });
});

test('what is said is taken', () => {
  expect(resolved({ bundle: true, assets: ['a/**'], smoke: { timeout: '1m', env: { A: 'b' } }, api: { document: 'o.json', previous: '{workspaceRoot}/p.json' }, requires: { node: '>=22', services: [{ name: 'x', version: '1' }, { name: 'y', at: '${Y}' }] } }, { command: ['node', '-r', 'x', 'main.js'], health: { path: '/up' } })).toMatchObject({
    dependencies: 'bundle', smoke: { path: '/up', timeout: 60_000, env: { A: 'b' } }, api: { document: '/w/apps/api/o.json', previous: '/w/p.json' }, requires: { node: '>=22', services: [{ name: 'x', version: '1' }, { name: 'y', at: '${Y}' }] }, command: ['node', '-r', 'x', 'main.js'],
  });
  expect(resolved({ smoke: false })).not.toHaveProperty('smoke');
});

test('what does not go together is told at once, with its place', () => {
  expect(problems(() => resolved({ bundle: true, dependencies: 'traced', path: '../../../etc', smoke: { env: { DB_PASSWORD: 'x', KEY: 'y' } }, api: { document: '../../../o.json' } }, {}, ['KEY']))).toEqual([
    expect.stringMatching(/^artifact\.bundle \(\d+:\d+\): must not stand beside "dependencies"/),
    expect.stringMatching(/^artifact\.smoke\.env\.DB_PASSWORD .*secret/), expect.stringMatching(/^artifact\.smoke\.env\.KEY .*secret/), expect.stringMatching(/^artifact\.api\.document .*must lie in the workspace/), expect.stringMatching(/^artifact\.path .*must lie in the workspace/),
  ]);
  expect(problems(() => resolved({ assets: ['a'] }))).toEqual([expect.stringMatching(/^artifact\.assets .*must stand beside "bundle"/)]);
  expect(problems(() => resolved({ type: 'image', builder: 'docker' }))).toEqual([expect.stringMatching(/^artifact\.builder .*must not be an engine/)]);
});

test('files and images of the builder oci are packed as they are deployed', () => {
  expect(resolved({ type: 'files', path: 'out', dependencies: 'traced' })).toMatchObject({ type: 'package', path: '/w/apps/api/out', dependencies: 'traced' });
  expect(resolved({ type: 'image', bundle: true, assets: ['a'] })).toMatchObject({ dependencies: 'bundle', assets: ['a'] });
  expect(resolved({ type: 'image', assets: ['a'] })).toMatchObject({ dependencies: 'bundled', assets: [] });
});

describe('verify', () => {
  const verified = (top: object, environment: object = {}, defaults: object = {}) => resolveEnvironment({
    ...parseConfig(JSON.stringify({ artifact: { type: 'package', entry: 'a.js' }, ...top, environments: { staging: environment } }), '/w/apps/api/deploy.json'), ...place, projectName: 'api', environment: 'staging', defaults,
  });

  test('is off where nobody asks, and the nearest wins', () => {
    expect(verified({})).toMatchObject({ packaged: true, entry: 'a.js', verify: { mode: 'off', keys: [] } });
    expect(verified({})).not.toHaveProperty('artifact');
    const keys = ['{workspaceRoot}/a.pub', 'b.pub'];
    expect(verified({}, {}, { verify: { keys } }).verify).toEqual({ mode: 'enforce', keys: ['/w/a.pub', '/w/apps/api/b.pub'], identities: [], provenance: false, requireSbom: false });
    expect(verified({ verify: { keys, mode: 'warn' } }, { verify: { mode: 'off' } }).verify.mode).toBe('off');
  });

  test('without a key is refused: a signature of anybody would do', () => {
    expect(problems(() => verified({ verify: { provenance: true } }))).toEqual([expect.stringMatching(/^verify\.keys \(.*must name at least one public key/)]);
  });
});
