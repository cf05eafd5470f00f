/** Manifests with parts that are missing, double, or named to mislead. */
import type { BuildManifest } from '../manifest.js';
import { later, manifest } from '../sample.spec-support.js';
import { diffManifests } from './diff.js';
import { diffText } from './text.js';

const digest = (letter: string): string => letter.repeat(64);
const withPart = (components: Partial<BuildManifest['components']>, rest: Partial<BuildManifest> = {}): BuildManifest => ({ ...manifest, ...rest, components: { ...manifest.components, ...components } });

it('a manifest without commit and build id is one all the same', () => {
  const { buildId: _buildId, git: _git, ...bare } = manifest;
  const { before, after } = diffManifests(bare, later);
  expect([before, after]).toEqual([{ version: '1.4.0' }, { version: '1.5.0', buildId: later.buildId, commit: later.git?.commit, dirty: true }]);
  expect(diffText(diffManifests(bare, bare))).toBe('org-api 1.4.0 -> 1.4.0\nnothing differs\n');
});

it('a database and an API that come, go and move are told whole', () => {
  const [db] = manifest.components.database ?? [];
  const [api] = manifest.components.api ?? [];
  if (db === undefined || api === undefined) throw new Error('the sample has both');
  const { database: _database, api: _api, ...none } = manifest.components;
  const gone = diffManifests(manifest, { ...manifest, components: none });
  expect([gone.migrations[0]?.removed, gone.migrations[0]?.tool, gone.routes[0]?.removed.length]).toEqual([['20240102030405_init', '20250102030405_add'], 'prisma', 2]);
  const came = diffManifests({ ...manifest, components: none }, manifest);
  expect([came.migrations[0]?.added, came.routes[0]?.added.length]).toEqual([['20240102030405_init', '20250102030405_add'], 2]);
  const moved = diffManifests(manifest, withPart({ database: [{ ...db, folder: 'db', tool: 'sql' }], api: [{ ...api, file: 'new.yaml' }] }));
  expect(moved.migrations.map(({ folder, tool, added, removed }) => [folder, tool, added.length, removed.length])).toEqual([['apps/api/prisma/migrations', 'prisma', 0, 2], ['db', 'sql', 2, 0]]);
  expect(moved.routes.map(({ file, added, removed }) => [file, added.length, removed.length])).toEqual([['apps/api/openapi.yaml', 0, 2], ['new.yaml', 2, 0]]);
});

it('names of what every object has are names like others', () => {
  const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty'];
  const packages = (version: string) => ({ count: names.length, list: names.map((name) => ({ name, version })) });
  const diff = diffManifests(withPart({ packages: packages('1.0.0'), libraries: names.map((name) => ({ name, root: name })) }), withPart({ packages: packages('2.0.0'), libraries: [] }));
  expect(diff.packages?.changed.map(({ name, before, after }) => [name, before, after])).toEqual([...names].sort().map((name) => [name, ['1.0.0'], ['2.0.0']]));
  expect(diff.libraries?.removed.map(({ name }) => name)).toEqual(names);
  expect(diffText(diff)).toContain('__proto__ 1.0.0 -> 2.0.0');
});

it('licences that come, go and change are told, of all versions of a name', () => {
  const list = (...licenses: (string | undefined)[]) => ({ count: licenses.length, list: licenses.map((license, index) => ({ name: 'a', version: `${index}.0.0`, ...(license === undefined ? {} : { license }) })) });
  const licenses = (before: ReturnType<typeof list>, after: ReturnType<typeof list>) => diffManifests(withPart({ packages: before }), withPart({ packages: after })).licenses;
  expect(licenses(list('MIT'), list(undefined))).toEqual([{ name: 'a', before: 'MIT', after: '' }]);
  expect(licenses(list(undefined), list('GPL-3.0-only'))).toEqual([{ name: 'a', before: '', after: 'GPL-3.0-only' }]);
  expect(licenses(list('MIT', 'MIT'), list('MIT', 'ISC'))).toEqual([{ name: 'a', before: 'MIT', after: 'MIT, ISC' }]);
  expect(licenses(list('MIT'), list('MIT'))).toEqual([]);
});

it('files and links of an output are compared by what they hold and where they lead; a folder that becomes a file has no files to count', () => {
  const folder = (...files: NonNullable<NonNullable<BuildManifest['artifacts']>[number]['files']>) => ({ path: 'dist', bytes: files.length, sha256: digest(String(files.length)), files });
  const file = (path: string, letter: string) => ({ path, bytes: 1, sha256: digest(letter) });
  const of = (before: BuildManifest['artifacts'], after: BuildManifest['artifacts']) => diffManifests({ ...manifest, artifacts: before ?? [] }, { ...manifest, artifacts: after ?? [] }).artifacts;
  const linked = (link: string) => ({ path: 'l', link }) as unknown as ReturnType<typeof file>;
  expect(of([folder(file('a', '1'), linked('a'))], [{ ...folder(file('a', '1'), linked('b')), sha256: digest('f') }])).toEqual([{ path: 'dist', before: 2, after: 2, files: { added: 0, removed: 0, changed: 1 } }]);
  expect(of([folder(file('a', '1'))], [{ path: 'dist', bytes: 9, sha256: digest('e') }])).toEqual([{ path: 'dist', before: 1, after: 9 }]);
  expect(of([folder(file('a', '1'))], [folder(file('a', '1'))])).toEqual([]);
});

it('what quality loses or gains is told with its unit, and tools that are no text are none', () => {
  const { coverage: _coverage, ...quality } = manifest.quality;
  const lost = diffManifests(manifest, { ...manifest, quality, tools: { ...manifest.tools, npm: undefined } as unknown as NonNullable<BuildManifest['tools']> });
  expect(lost.quality).toContainEqual({ name: 'line coverage', unit: '%', good: 'more', before: 84.2 });
  expect(lost.tools).toEqual([{ name: 'npm', before: '11.3.0' }]);
  const gained = diffManifests({ ...manifest, quality }, manifest);
  expect(gained.quality).toContainEqual({ name: 'line coverage', unit: '%', good: 'more', after: 84.2 });
});
