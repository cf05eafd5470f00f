import { link, lstat, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { FILES_AT_ONCE, mapLimited } from '../../archive/parallel.js';
import { errorCode } from '../../errors.js';
import { makeFolder, PRIVATE } from './folder.js';
import { earliestHold, namesIn } from './hold.js';
import { isAtWork, ownerOf } from './owner.js';
import type { Places } from './places.js';
import { isAbandoned, temporaryIn } from './temporary.js';
import { listUnpacked } from './unpacked.js';

export interface PruneOptions {
  /** Bytes that blobs and unpacked layers may take together; the least recently used ones above it go. */
  readonly cap: number;
  /** Counts and removes nothing. */
  readonly dryRun?: boolean;
  /** ms since 1970. */
  readonly now?: number;
}

export interface Pruned {
  /** Blobs and unpacked layers that were removed, and their bytes. */
  readonly removed: number;
  readonly bytes: number;
  /** Bytes that are left. It may be above the cap, as what was used within the hour or by a build under way stays. */
  readonly left: number;
  /** What killed builds left, and records of what is long gone. */
  readonly leftovers: number;
}

interface Blob {
  /** Or the folder of an unpacked layer. */
  readonly file: string;
  readonly size: number;
  readonly used: number;
}

/** What was used within this time may be needed by a build that has no hold yet, or just ended one. */
const YOUNG_MS = 60 * 60 * 1_000;
/** A file system dates its files by a clock that lags a little. */
const CLOCK_LAG_MS = 5_000;
const HEX = /^[0-9a-f]{64}$/;

/** A blob that is used while this goes on is put back: {@link use} and the second look leave no moment in which both miss each other. */
export async function pruneStore(places: Places, { cap, dryRun = false, now = Date.now() }: PruneOptions): Promise<Pruned> {
  const before = Math.min(now - YOUNG_MS, await earliestHold(places, now) - CLOCK_LAG_MS);
  const blobs = [...await listBlobs(places), ...await listUnpacked(places)].sort((a, b) => a.used - b.used);
  let left = blobs.reduce((sum, { size }) => sum + size, 0);
  let removed = 0;
  let bytes = 0;
  for (const { file, size, used } of blobs) {
    if (left <= cap || used > before) break;
    if (!dryRun && !await evict(places, file, before)) continue;
    left -= size;
    bytes += size;
    removed += 1;
  }
  const leftovers = await removeLeftovers(places, before, dryRun);
  if (!dryRun) await removeUnowned(places, now);
  return { removed, bytes, left, leftovers };
}

async function listBlobs({ content }: Places): Promise<Blob[]> {
  const folders = await mapLimited(await namesIn(content), FILES_AT_ONCE, async (prefix) => (await namesIn(join(content, prefix))).map((name) => ({ name, file: join(content, prefix, name) })));
  const blobs = await mapLimited(folders.flat(), FILES_AT_ONCE, async ({ name, file }) => {
    const stat = HEX.test(name) ? await lstat(file).catch(() => undefined) : undefined;
    return stat?.isFile() === true ? [{ file, size: stat.size, used: stat.mtimeMs }] : [];
  });
  return blobs.flat();
}

async function evict(places: Places, file: string, before: number): Promise<boolean> {
  const aside = temporaryIn(places);
  await makeFolder(places.temporary, PRIVATE);
  try {
    await rename(file, aside);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false;
    throw error;
  }
  const spared = (await lstat(aside)).mtimeMs > before;
  if (spared) await putBack(aside, file);
  await rm(aside, { recursive: true, force: true });
  return !spared;
}

/** Nothing is put over what was made anew meanwhile. */
async function putBack(aside: string, file: string): Promise<void> {
  if ((await lstat(aside)).isDirectory()) await rename(aside, file).catch(ignoreExisting);
  else await link(aside, file).catch(ignoreExisting);
}

function ignoreExisting(error: unknown): void {
  if (errorCode(error) !== 'EEXIST' && errorCode(error) !== 'ENOTEMPTY') throw error;
}

async function removeLeftovers({ temporary, records, digests }: Places, before: number, dryRun: boolean): Promise<number> {
  const abandoned: string[] = [];
  for (const name of await namesIn(temporary)) if (await isAbandoned(name) || await isOlder(join(temporary, name), before)) abandoned.push(join(temporary, name));
  // A record costs little, and is of use for as long as its layer or folder: once a month without use is the end of it.
  for (const folder of [records, digests]) for (const name of await namesIn(folder)) if (await isOlder(join(folder, name), before - RECORD_MS)) abandoned.push(join(folder, name));
  if (!dryRun) for (const file of abandoned) await rm(file, { recursive: true, force: true });
  return abandoned.length;
}

async function isOlder(file: string, than: number): Promise<boolean> {
  const stat = await lstat(file).catch(() => undefined);
  return stat !== undefined && stat.mtimeMs <= than;
}

const RECORD_MS = 30 * 24 * 60 * 60 * 1_000;

/** Locks of those who were killed while they made a layer. */
async function removeUnowned({ locks }: Places, now: number): Promise<void> {
  for (const name of await namesIn(locks)) {
    const owner = await ownerOf(join(locks, name));
    if (owner === 'nobody' || (owner !== undefined && !await isAtWork(owner, now))) await rm(join(locks, name), { force: true });
  }
}
