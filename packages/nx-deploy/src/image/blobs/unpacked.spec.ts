import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Digest } from '../oci.js';
import { openBlobs, type BlobStore } from './store.js';

let root: string;
let store: BlobStore;
beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'nd unpacked ')));
  store = openBlobs(root);
});
afterEach(() => { rmSync(root, { recursive: true, force: true }); });

const HOUR = 60 * 60 * 1_000;
const digest: Digest = `sha256:${'ab'.repeat(32)}`;
const unpack = async (folder: string): Promise<void> => {
  mkdirSync(join(folder, 'app'));
  writeFileSync(join(folder, 'app/a.js'), '0123456789');
};
const temporaries = (): string[] => readdirSync(join(root, 'temporary'));

it('is made once by all who ask at the same time, and stays', async () => {
  let count = 0;
  const slow = async (folder: string): Promise<void> => {
    count += 1;
    await new Promise((done) => setTimeout(done, 100));
    await unpack(folder);
  };
  const folders = await Promise.all([1, 2, 3].map(() => openBlobs(root).unpacked(digest, slow)));
  expect(new Set(folders).size).toBe(1);
  expect(count).toBe(1);
  expect(readFileSync(join(folders[0] ?? '', 'app/a.js'), 'utf8')).toBe('0123456789');
  expect(temporaries()).toEqual([]);
});

it('is not there after a failure, and its parts neither', async () => {
  await expect(store.unpacked(digest, async (folder) => { await unpack(folder); throw new Error('broken'); })).rejects.toThrow('broken');
  expect(readdirSync(join(root, 'unpacked'))).toEqual([]);
  expect(temporaries()).toEqual([]);
  await store.unpacked(digest, unpack);
});

it.each([
  ['a file more', (folder: string) => writeFileSync(join(folder, 'app/b.js'), '')],
  ['a file less', (folder: string) => rmSync(join(folder, 'app/a.js'))],
  ['no state', (folder: string) => rmSync(join(folder, '../state.json'))],
  ['half a state', (folder: string) => writeFileSync(join(folder, '../state.json'), '{"size":')],
])('is made anew with %s', async (_name, damage) => {
  const folder = await store.unpacked(digest, unpack);
  damage(folder);
  expect(await store.unpacked(digest, unpack)).toBe(folder);
  expect(readdirSync(join(folder, 'app'))).toEqual(['a.js']);
});

it('goes by prune when it was not used for long, as do the parts of one that was killed', async () => {
  const folder = join(await store.unpacked(digest, unpack), '..');
  const killed = join(root, 'temporary/killed');
  mkdirSync(join(killed, 'root/app'), { recursive: true });
  const old = (Date.now() - 3 * HOUR) / 1_000;
  for (const place of [folder, killed]) utimesSync(place, old, old);
  expect(await store.prune({ cap: 5, dryRun: true })).toEqual({ removed: 1, bytes: 10, left: 0, leftovers: 1 });
  expect(await store.prune({ cap: 10 })).toMatchObject({ removed: 0, left: 10, leftovers: 1 });
  expect(existsSync(killed)).toBe(false);
  await store.unpacked(digest, unpack);
  expect(await store.prune({ cap: 5 })).toMatchObject({ removed: 0, left: 10 });
  utimesSync(folder, old, old);
  expect(await store.prune({ cap: 5 })).toMatchObject({ removed: 1, left: 0 });
  expect(existsSync(folder)).toBe(false);
});

it('takes no name of a folder outside for a digest', async () => {
  await expect(store.unpacked('sha256:../../x', unpack)).rejects.toMatchObject({ code: 'ND-IMAGE-INVALID' });
});
