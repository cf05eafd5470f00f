import { later, manifest } from '../sample.spec-support.js';
import { diffManifests, type ManifestDiff } from './diff.js';
import { diffText } from './text.js';

const commits = [{ hash: 'aaaa1a4789c1', subject: 'Prices are kept' }];

describe('diffManifests', () => {
  it('says what changed', () => {
    const diff = diffManifests(manifest, later, commits);
    expect(diff).toMatchObject({
      service: 'org-api', before: { version: '1.4.0', dirty: false }, after: { version: '1.5.0', dirty: true }, commits,
      tools: [{ name: 'node', before: '24.1.0', after: '24.2.0' }],
      packages: { added: [{ name: 'big.js' }], removed: [{ name: 'ws' }], changed: [{ name: 'pino', before: ['10.4.0'], after: ['10.5.0'] }] },
      licenses: [{ name: 'split2', before: 'ISC', after: 'MIT' }],
      libraries: { added: [{ name: 'prices' }], removed: [], changed: [{ name: 'orders', before: '0.3.0', after: '0.4.0' }] },
      artifacts: [{ path: 'apps/api/dist', before: 486_313, after: 500_200, files: { added: 0, removed: 1, changed: 1 } }],
      migrations: [{ folder: 'apps/api/prisma/migrations', added: ['20260301000000_price'], removed: [], changed: ['20240102030405_init'] }],
      routes: [{ added: [{ method: 'GET', path: '/prices' }], removed: [{ method: 'POST', path: '/orders' }] }],
    });
    expect(diff.quality).toEqual([{ name: 'line coverage', unit: '%', good: 'more', before: 84.2, after: 91 }, { name: 'branch coverage', unit: '%', good: 'more', before: 90, after: 89 }]);
  });

  it('finds nothing between a manifest and itself, and everything mirrored the other way round', () => {
    const same = diffManifests(manifest, manifest);
    expect(diffText(same)).toBe('org-api 1.4.0 -> 1.4.0\nnothing differs\n');
    const [there, back] = [diffManifests(manifest, later), diffManifests(later, manifest)];
    expect(back.packages?.added.map(({ name }) => name)).toEqual(there.packages?.removed.map(({ name }) => name));
    expect(back.migrations[0]?.removed).toEqual(there.migrations[0]?.added);
    expect(back.before).toEqual(there.after);
  });

  it('knows the difference between nothing and not known', () => {
    const { artifacts: _artifacts, ...bare } = { ...later, components: {}, quality: { absent: [] } };
    const diff = diffManifests(manifest, bare);
    for (const part of ['packages', 'licenses', 'libraries', 'artifacts', 'commits'] as const) expect(diff).not.toHaveProperty(part);
    expect(diff.migrations).toMatchObject([{ removed: ['20240102030405_init', '20250102030405_add'] }]);
    expect(diff.quality).toContainEqual({ name: 'tests', unit: '', good: 'more', before: 215 });
  });

  it('takes several versions of one package together, and artifacts that come and go', () => {
    const several = { ...manifest, components: { packages: { count: 2, list: [{ name: 'ws', version: '7.0.0' }, { name: 'ws', version: '8.23.0' }] } }, artifacts: [{ path: 'x.tgz', bytes: 5, sha256: 'f' }] };
    const diff = diffManifests(manifest, several);
    expect(diff.packages?.changed).toEqual([{ name: 'ws', before: ['8.23.0'], after: ['7.0.0', '8.23.0'] }]);
    expect(diff.artifacts).toEqual([{ path: 'apps/api/dist', before: 486_313 }, { path: 'x.tgz', after: 5 }]);
    expect(diffText(diff)).toContain('  - apps/api/dist 486.3 kB\n  + x.tgz 5 B\n');
  });

  it('refuses two services', () => {
    expect(() => diffManifests(manifest, { ...later, service: 'web' })).toThrow('the manifests are of different services: org-api and web');
  });
});

describe('diffText', () => {
  it('is plain ASCII without control characters, and short', () => {
    const hostile: ManifestDiff = {
      ...diffManifests(manifest, later, [{ hash: 'a', subject: '\u001b[31mred' }]),
      packages: { added: Array.from({ length: 50 }, (_, index) => ({ name: `p${index}\u202e\u0007`, version: '1' })), removed: [], changed: [] },
    };
    const text = diffText(hostile);
    expect(text).toMatch(/^[\x20-\x7e\n]+$/);
    // Fifty packages and a licence, twenty of which are shown.
    expect(text).toContain('  ... and 31 more\n');
  });

  it('says when git cannot tell what lies between', () => {
    expect(diffText(diffManifests(manifest, later))).toContain('(git cannot tell what lies between)');
  });
});
