import { existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Digest } from '../oci.js';
import { filesIn } from './blobs.spec-support.js';
import { openBlobs, type BlobStore } from './store.js';

let root: string;
let store: BlobStore;
beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'nd prune ')));
  store = openBlobs(root);
});
afterEach(() => { rmSync(root, { recursive: true, force: true }); });

const HOUR = 60 * 60 * 1_000;
const now = Date.now();
const age = (file: string, ms: number): void => utimesSync(file, (now - ms) / 1_000, (now - ms) / 1_000);
/** Ten bytes each. */
async function blob(name: string, hours: number): Promise<Digest> {
  const { digest } = await store.put([Buffer.from(name.padEnd(10))]);
  age(store.pathOf(digest), hours * HOUR);
  return digest;
}
const left = async (blobs: Readonly<Record<string, Digest>>): Promise<string[]> => Object.keys(blobs).filter((name) => existsSync(store.pathOf(blobs[name]!)));

it('removes the least recently used until the rest fits', async () => {
  const blobs = { a: await blob('a', 5), b: await blob('b', 9), c: await blob('c', 2), d: await blob('d', 7) };
  expect(await store.prune({ cap: 40, now })).toEqual({ removed: 0, bytes: 0, left: 40, leftovers: 0 });
  expect(await store.prune({ cap: 25, now, dryRun: true })).toEqual({ removed: 2, bytes: 20, left: 20, leftovers: 0 });
  expect(await left(blobs)).toEqual(['a', 'b', 'c', 'd']);
  expect(await store.prune({ cap: 25, now })).toEqual({ removed: 2, bytes: 20, left: 20, leftovers: 0 });
  expect(await left(blobs)).toEqual(['a', 'c']);
  expect(await filesIn(join(root, 'temporary'))).toEqual([]);
});

it('never removes what was used within the hour, and says what is left', async () => {
  const blobs = { a: await blob('a', 0.9), b: await blob('b', 1.1), c: await blob('c', 0) };
  expect(await store.prune({ cap: 0, now })).toMatchObject({ removed: 1, left: 20 });
  expect(await left(blobs)).toEqual(['a', 'c']);
});

it('never removes what was used since a build under way began', async () => {
  const hold = await store.hold();
  const blobs = { before: await blob('before', 3), since: await blob('since', 0) };
  // A prune two hours from now, while the build is still at it.
  const later = Date.now() + 2 * HOUR;
  expect(await store.prune({ cap: 0, now: later })).toMatchObject({ removed: 1 });
  expect(await left(blobs)).toEqual(['since']);
  await hold.release();
  expect(await store.prune({ cap: 0, now: later })).toMatchObject({ removed: 1 });
  expect(await left(blobs)).toEqual([]);
});

it('does not mind the holds of processes that are gone', async () => {
  await blob('a', 0);
  const hold = await store.hold();
  const [name = ''] = readdirSync(join(root, 'holds'));
  const write = (owner: object): void => writeFileSync(join(root, 'holds', name), JSON.stringify({ pid: process.pid, identity: 'an earlier one', host: hostname(), since: now, token: 't', ...owner }));
  const later = now + 2 * HOUR;
  const dry = { cap: 0, now: later, dryRun: true };
  write({ host: 'another machine' });
  expect(await store.prune(dry)).toMatchObject({ removed: 0 });
  expect(await store.prune({ ...dry, now: now + 25 * HOUR })).toMatchObject({ removed: 1 });
  write({});
  expect(await store.prune(dry)).toMatchObject({ removed: 1 });
  expect(readdirSync(join(root, 'holds'))).toEqual([]);
  writeFileSync(join(root, 'holds', 'empty'), '');
  expect(await store.prune(dry)).toMatchObject({ removed: 1 });
  await hold.release();
});

it('puts back what is used while it is removed', async () => {
  const digest = await blob('a', 5);
  const used: Promise<unknown>[] = [];
  // Many rounds: whichever comes first, the two agree.
  for (let round = 0; round < 60; round += 1) {
    await store.put([Buffer.from('a'.padEnd(10))]);
    age(store.pathOf(digest), 5 * HOUR);
    const [there] = await Promise.all([
      new Promise<void>((resolve) => setTimeout(resolve, round % 4)).then(() => store.has(digest)),
      store.prune({ cap: 0, now }),
    ]);
    if (there) expect(lstatSync(store.pathOf(digest)).size).toBe(10);
  }
  await Promise.all(used);
});

it('removes what killed writers left, once nobody can be at it', async () => {
  mkdirSync(join(root, 'temporary'));
  for (const [name, hours] of [['old', 2], ['young', 0.5]] as const) {
    writeFileSync(join(root, 'temporary', name), 'x');
    age(join(root, 'temporary', name), hours * HOUR);
  }
  expect(await store.prune({ cap: 1e9, now, dryRun: true })).toMatchObject({ leftovers: 1 });
  expect(await store.prune({ cap: 1e9, now })).toMatchObject({ leftovers: 1 });
  expect(readdirSync(join(root, 'temporary'))).toEqual(['young']);
});

it('may run several times at once', async () => {
  for (let number = 0; number < 40; number += 1) await blob(`n${number}`, 5);
  const pruned = await Promise.all([1, 2, 3].map(() => store.prune({ cap: 0, now })));
  expect(pruned.reduce((sum, { removed }) => sum + removed, 0)).toBe(40);
  expect(await filesIn(root)).toEqual([]);
});

it('removes unpacked layers too, and puts one back that is used meanwhile', async () => {
  const { digest } = await store.put([Buffer.from('layer')]);
  const unpack = async (folder: string): Promise<void> => writeFileSync(join(folder, 'file'), 'x');
  for (let round = 0; round < 30; round += 1) {
    const kept = join(await store.unpacked(digest, unpack), '..');
    age(kept, 5 * HOUR);
    await Promise.all([
      new Promise<void>((resolve) => { setTimeout(resolve, round % 3); }).then(() => store.unpacked(digest, unpack)),
      store.prune({ cap: 0, now }),
    ]);
    expect(readdirSync(join(kept, 'root'))).toEqual(['file']);
  }
  age(join(await store.unpacked(digest, unpack), '..'), 5 * HOUR);
  expect(await store.prune({ cap: 5, now })).toMatchObject({ removed: 1, left: 5 });
  expect(readdirSync(join(root, 'unpacked'))).toEqual([]);
  expect(await filesIn(join(root, 'temporary'))).toEqual([]);
});

it('removes records that were of no use for a month, and locks of those who are gone', async () => {
  for (const folder of ['records', 'locks']) mkdirSync(join(root, folder));
  for (const [name, days] of [['old', 31], ['young', 29]] as const) {
    writeFileSync(join(root, 'records', name), '{}');
    age(join(root, 'records', name), days * 24 * HOUR + 2 * HOUR);
  }
  const owner = { pid: process.pid, identity: 'an earlier one', host: hostname(), since: now, token: 't' };
  for (const [name, text] of [['damaged', '{'], ['gone', JSON.stringify(owner)], ['elsewhere', JSON.stringify({ ...owner, host: 'another machine' })]] as const) writeFileSync(join(root, 'locks', name), text);
  expect(await store.prune({ cap: 1e9, now, dryRun: true })).toMatchObject({ leftovers: 1 });
  expect(readdirSync(join(root, 'locks'))).toHaveLength(3);
  expect(await store.prune({ cap: 1e9, now })).toMatchObject({ leftovers: 1 });
  expect([readdirSync(join(root, 'records')), readdirSync(join(root, 'locks'))]).toEqual([['young'], ['elsewhere']]);
});

it('leaves alone what is not its own', async () => {
  mkdirSync(join(root, 'sha256/ab'), { recursive: true });
  writeFileSync(join(root, 'sha256/ab/notes.txt'), 'x');
  writeFileSync(join(root, 'README'), 'x');
  age(join(root, 'sha256/ab/notes.txt'), 9 * HOUR);
  expect(await store.prune({ cap: 0, now })).toEqual({ removed: 0, bytes: 0, left: 0, leftovers: 0 });
  expect(await filesIn(root)).toEqual(['README', 'sha256/ab/notes.txt']);
});

it('finds nothing in a store that was never used', async () => {
  expect(await openBlobs(join(root, 'never')).prune({ cap: 0 })).toEqual({ removed: 0, bytes: 0, left: 0, leftovers: 0 });
  expect(existsSync(join(root, 'never'))).toBe(false);
});
