/** What several builds need is made or fetched by one process while the others wait for it: twenty services that share their modules compress them once. */
import { createHash } from 'node:crypto';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { errorCode } from '../../errors.js';
import { isDigest } from '../digest.js';
import type { BuiltLayer } from '../layer/layer.js';
import { guarded } from './failures.js';
import { makeFolder, PRIVATE } from './folder.js';
import { claim, isAtWork, ownerOf, thisProcess, type Owner } from './owner.js';
import { pathOf, type Places } from './places.js';
import { temporaryIn } from './temporary.js';
import { use } from './use.js';

const POLL_MS = 50;
/** A process that is stopped or hangs keeps its lock; after this the work is done twice instead, which is slow and never wrong. */
const PATIENCE_MS = 10 * 60 * 1_000;

export interface Once extends BuiltLayer {
  /** Was it made by this call? */
  readonly made: boolean;
}

/** `make` puts the layer into the store. A failure of it is the caller's; the next process that waits tries for itself. */
export async function layerOnce(places: Places, key: string, make: () => Promise<BuiltLayer>): Promise<Once> {
  const name = createHash('sha256').update(key).digest('hex');
  const record = join(places.records, name);
  let made = false;
  const layer = await exclusively(places, name, () => recorded(places, record), async () => {
    made = true;
    return makeAndRecord(places, record, make);
  });
  return { ...layer, made };
}

/** What `known` finds; else what `make` makes, by one process at a time for this name, after which the others find it. */
export async function exclusively<T>(places: Places, name: string, known: () => Promise<T | undefined>, make: () => Promise<T>): Promise<T> {
  const lock = join(places.locks, name);
  const found = await known();
  if (found !== undefined) return found;
  const owner = await thisProcess();
  for (const end = Date.now() + PATIENCE_MS; Date.now() < end;) {
    if (await guarded(places.folder, () => claim(places, lock, owner))) {
      try {
        // The one who had the lock before may have made it.
        return await known() ?? await make();
      } finally {
        await release(lock, owner);
      }
    }
    if (!await freed(places, lock)) await wait(POLL_MS);
    const there = await known();
    if (there !== undefined) return there;
  }
  return make();
}

async function release(lock: string, { token }: Owner): Promise<void> {
  const holder = await ownerOf(lock);
  if (holder !== undefined && holder !== 'nobody' && holder.token === token) await rm(lock, { force: true });
}

async function makeAndRecord(places: Places, record: string, make: () => Promise<BuiltLayer>): Promise<BuiltLayer> {
  const { diffId, digest, size, uncompressed } = await make();
  const layer = { diffId, digest, size, uncompressed };
  await guarded(places.folder, async () => {
    const temporary = temporaryIn(places);
    for (const folder of [places.temporary, places.records]) await makeFolder(folder, PRIVATE);
    try {
      await writeFile(temporary, JSON.stringify(layer), { flag: 'wx', mode: 0o600 });
      await rename(temporary, record);
    } finally {
      await rm(temporary, { force: true });
    }
  });
  return layer;
}

/** The layer, if it is in the store; it counts as used. */
async function recorded(places: Places, record: string): Promise<BuiltLayer | undefined> {
  let value: unknown;
  try {
    value = JSON.parse(await readFile(record, 'utf8'));
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === undefined) return undefined;
    throw error;
  }
  if (!isBuiltLayer(value) || await use(pathOf(places, value.digest)) !== value.size) return undefined;
  await use(record);
  return value;
}

/**
 * Takes the lock of a dead process away; true when it is worth trying again at once. Two who do so at the same time may take a fresh lock away: the layer is then made twice,
 * into the same blob.
 */
async function freed(places: Places, lock: string): Promise<boolean> {
  const owner = await ownerOf(lock);
  if (owner === undefined) return true;
  if (owner !== 'nobody' && await isAtWork(owner)) return false;
  await guarded(places.folder, () => rm(lock, { force: true }));
  return true;
}

function isBuiltLayer(value: unknown): value is BuiltLayer {
  if (typeof value !== 'object' || value === null) return false;
  const { diffId, digest, size, uncompressed } = value as Partial<Record<keyof BuiltLayer, unknown>>;
  return typeof diffId === 'string' && isDigest(diffId) && typeof digest === 'string' && isDigest(digest) && Number.isSafeInteger(size) && Number.isSafeInteger(uncompressed);
}
