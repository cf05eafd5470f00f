import { appendFileSync, chmodSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { walk } from '../../archive/walk.js';
import type { BlobStore } from '../blobs/index.js';
import { storeLayer, type Entry } from '../layer/index.js';
import { workspace } from './dependencies.spec-support.js';
import { modulesOf, type Modules } from './modules.js';

let root = '';
let store: BlobStore;
/** Files are old enough to be trusted. */
const LATER = 10_000;
const find = async (after = LATER): Promise<Modules> => modulesOf({ root, ...await walk(root) }, 'modules', store, Date.now() + after);
const noted = (): string => readdirSync(join(store.folder, 'records')).map((name) => join(store.folder, 'records', name)).find((file) => readFileSync(file, 'utf8').includes('modules of')) ?? '';
/** What is remembered is told, and not what is there. */
const forge = (): void => writeFileSync(noted(), readFileSync(noted(), 'utf8').replace(/files:sha256:[0-9a-f]{64}/, `files:sha256:${'0'.repeat(64)}`));
const FORGED = `files:sha256:${'0'.repeat(64)}`;
const file = (): string => join(root, 'node_modules/ms/index.js');

beforeEach(() => {
  const { root: at, write, store: blobs } = workspace();
  root = join(at, 'dist');
  store = blobs;
  write({ 'dist/node_modules/ms/index.js': 'one', 'dist/node_modules/ms/package.json': '{"version":"1.0.0"}', 'dist/node_modules/typescript/lib/tsc.js': 'x', 'dist/node_modules/argon2/a.node': 'x' });
  symlinkSync('ms', join(root, 'node_modules/alias'));
});

test('what did not change is remembered, and is the same', async () => {
  const { read, ...first } = await find();
  expect(read?.map(({ path }) => path).sort()).toEqual(['node_modules/argon2/a.node', 'node_modules/ms/index.js', 'node_modules/ms/package.json', 'node_modules/typescript/lib/tsc.js']);
  const again = await find();
  expect(again.read).toBeUndefined();
  expect({ ...again, layer: { ...again.layer, entries: 0, packages: 0 } }).toEqual({ ...first, layer: { ...first.layer, entries: 0, packages: 0 } });
  expect(await again.layer.packages?.('sha256:0')).toEqual(await first.layer.packages?.('sha256:0'));
  expect(await again.layer.packages?.('sha256:0')).toContainEqual({ name: 'ms', version: '1.0.0', size: 22 });
  const byPath = async ({ layer }: Pick<Modules, 'layer'>): Promise<unknown> => new Map((await layer.entries()).map(({ path, ...entry }) => [path, { ...entry, content: undefined }]));
  expect(await byPath(again)).toEqual(await byPath(first));
  expect(again.addons).toEqual([{ path: 'node_modules/argon2/a.node' }]);
  forge();
  expect((await find()).layer.key).toBe(FORGED);
});

describe('everything is looked at again', () => {
  beforeEach(async () => {
    await find();
    forge();
  });

  test.each<[string, () => void]>([
    ['a file that has another content, of the same size and with its old date', () => {
      const { atime, mtime } = statSync(file());
      writeFileSync(file(), 'eno');
      utimesSync(file(), atime, mtime);
    }],
    ['a file that was replaced by another of the same size and date', () => {
      const { atime, mtime } = statSync(file());
      writeFileSync(`${file()}.new`, 'one');
      utimesSync(`${file()}.new`, atime, mtime);
      renameSync(`${file()}.new`, file());
    }],
    ['a file that has another mode', () => chmodSync(file(), 0o755)],
    ['a file that is longer', () => appendFileSync(file(), 'x')],
    ['a file that is new', () => writeFileSync(join(root, 'node_modules/ms/new.js'), '')],
    ['a file that is gone', () => rmSync(file())],
    ['a link that leads elsewhere', () => {
      rmSync(join(root, 'node_modules/alias'));
      symlinkSync('argon2', join(root, 'node_modules/alias'));
    }],
    ['a note that is damaged', () => writeFileSync(noted(), '{')],
    ['a note of something else', () => writeFileSync(noted(), readFileSync(noted(), 'utf8').replace('modules of', 'others of'))],
  ])('after %s', async (_, change) => {
    change();
    const { layer, read } = await find();
    expect(read).toBeDefined();
    expect(layer.key).not.toBe(FORGED);
  });
});

test('what was read for its digest is not read again for the layer', async () => {
  const { layer } = await find();
  const { digest } = await storeLayer(store, await layer.entries());
  writeFileSync(file(), 'two');
  expect((await storeLayer(store, await layer.entries())).digest).toBe(digest);
  // What is not kept is: a file that has become another is no part of a layer with the old key.
  await expect(storeLayer(store, (await layer.entries()).map((entry) => ('content' in entry ? { ...entry, content: undefined } : entry)) as Entry[])).rejects.toMatchObject({ code: 'ND-ARTIFACT-CHANGED' });
});

test('what is too young is not remembered: it may be written again without a trace', async () => {
  await find(0);
  expect((await find(0)).read).toBeDefined();
  await find();
  expect((await find()).read).toBeUndefined();
});

test('files that are not those of the key give no layer, and are looked at again the next time', async () => {
  await find();
  forge();
  const { layer } = await find();
  await expect(layer.entries()).rejects.toMatchObject({ code: 'ND-ARTIFACT-CHANGED' });
  const healed = await find();
  expect(healed.layer.key).not.toBe(FORGED);
  expect(await healed.layer.entries()).toHaveLength(5);
});

test('a note that cannot be written costs the time only', async () => {
  mkdirSync(store.folder, { recursive: true });
  writeFileSync(join(store.folder, 'records'), '');
  const { layer } = await find();
  expect((await find()).layer.key).toBe(layer.key);
});
