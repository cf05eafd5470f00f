/**
 * Blobs of images by content, shared by all workspaces of a user: `<folder>/sha256/ab/<64 hex>`. Outside of Nx's cache, so that a base image is fetched once and is not
 * copied into every cached output. Any number of processes may use it at once; a kill at any instruction leaves temporary files alone.
 */
import { createHash } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';
import { DeployError, errorCode } from '../../errors.js';
import type { BuiltLayer } from '../layer/layer.js';
import type { Digest } from '../oci.js';
import { alone, type Alone } from './alone.js';
import { chunksOf } from './chunks.js';
import { openKnownDigests, type KnownDigests } from '../../archive/known-digests.js';
import { guarded, mismatch, missing } from './failures.js';
import { makeFolder, PRIVATE } from './folder.js';
import { takeHold, type Hold } from './hold.js';
import { exclusively, layerOnce, type Once } from './once.js';
import { noteIn, type Note } from './note.js';
import { pathOf, placesIn, type Places } from './places.js';
import { pruneStore, type Pruned, type PruneOptions } from './prune.js';
import { temporaryIn } from './temporary.js';
import { keepUnpacked, type Unpack } from './unpacked.js';
import { use } from './use.js';
import { openWriter, type BlobWriter } from './writer.js';

export interface Stored {
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
}

/** Stores the content of one blob; rejects with ND-IMAGE-INVALID, and keeps nothing, when it is another one. */
export type Take = (content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>) => Promise<Stored>;

/** System errors of the store itself come as ND-DISK-FULL or ND-IMAGE-STORE; those of a stream that is read come as they are. */
export interface BlobStore {
  readonly folder: string;
  /** Stores a stream. @throws DeployError ND-IMAGE-INVALID when it is not what was expected; nothing is kept then. */
  put(content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>, expected?: Partial<Stored>): Promise<Stored>;
  /** {@link put} for a file, which stays where it is. */
  adopt(file: string, expected?: Partial<Stored>): Promise<Stored>;
  /**
   * Nothing when it is there; else `fetch` gives its content to {@link Take}, once or until it is right. One process at a time does so while others wait for it.
   * True when it was fetched.
   */
  ensure(blob: Stored, fetch: (take: Take) => Promise<unknown>): Promise<boolean>;
  /** For content whose digest is computed while it is made. */
  write(): Promise<BlobWriter>;
  /** Is it there, of this size if one is given? It then counts as used now. */
  has(digest: Digest, size?: number): Promise<boolean>;
  /** Where it is, or would be; never to be written to. */
  pathOf(digest: Digest): string;
  /**
   * Its bytes; ND-IMAGE-INCOMPLETE when there is none. With `verify` ND-IMAGE-INVALID ends the stream of a damaged one, which is removed: the bytes before are not to be
   * trusted until then.
   */
  open(digest: Digest, options?: { readonly verify?: boolean }): AsyncIterable<Buffer>;
  /** A small one, verified; ND-IMAGE-INVALID when it has more than `limit` bytes. */
  read(digest: Digest, limit: number): Promise<Buffer>;
  hold(): Promise<Hold>;
  /** The layer of a key: what it was made of the last time, or by a process that makes it just now, or by `make`, which stores it. */
  once(key: string, make: () => Promise<BuiltLayer>): Promise<Once>;
  /** One process at a time does `work`; a second one is told of the first and does not wait. `key` is for all processes that use the store. */
  alone<T>(key: string, work: () => Promise<T>): Promise<Alone<T>>;
  /**
   * The files of a layer, laid out in a folder that stays: by an earlier call, or now by `unpack` into the folder that it is given. Nobody may write there. Absolute path.
   */
  unpacked(digest: Digest, unpack: Unpack): Promise<string>;
  /** A new folder, on the disk of the store; whoever asked for it removes it, or prune does when that one was killed. Absolute path. */
  temporaryFolder(): Promise<string>;
  /** The digests of the files below a folder (absolute) as an earlier build found them; `part` tells several lists of one folder apart. */
  digestsBelow(root: string, part?: string): Promise<KnownDigests>;
  note(name: string): Note;
  prune(options: PruneOptions): Promise<Pruned>;
}

/** A prune that spares a blob at the last moment has it out of its place for less than this. */
const BACK_MS = 50;

export function openBlobs(folder: string): BlobStore {
  const places = placesIn(folder);
  const put: BlobStore['put'] = (content, expected = {}) => receive(places, content, expected);
  const open: BlobStore['open'] = (digest, { verify = false } = {}) => contentOf(places, digest, verify);
  return {
    folder,
    put,
    adopt: (file, expected) => put(chunksOf(file), expected),
    write: () => openWriter(places),
    has: (digest, size) => isThere(places, digest, size),
    ensure: ({ digest, size }, fetch) => exclusively(
      places, digest.slice('sha256:'.length), async () => (await isThere(places, digest, size) ? false : undefined), async () => {
        await fetch((content) => receive(places, content, { digest, size }));
        if (!await isThere(places, digest, size)) throw missing(digest, folder);
        return true;
      },
    ),
    pathOf: (digest) => pathOf(places, digest),
    open,
    read: async (digest, limit) => {
      const parts: Buffer[] = [];
      let size = 0;
      for await (const part of open(digest, { verify: true })) {
        size += part.length;
        if (size > limit) throw new DeployError('ND-IMAGE-INVALID', { what: 'a document of the image is too large', where: digest, why: `it has more than ${limit} bytes`, next: 'build or pull the image again' });
        parts.push(part);
      }
      return Buffer.concat(parts);
    },
    hold: () => takeHold(places),
    once: (key, make) => layerOnce(places, key, make),
    alone: (key, work) => alone(places, key, work),
    unpacked: (digest, unpack) => keepUnpacked(places, digest, unpack),
    temporaryFolder: () => guarded(folder, async () => {
      await makeFolder(places.temporary, PRIVATE);
      const made = temporaryIn(places);
      await mkdir(made, PRIVATE);
      return made;
    }),
    digestsBelow: (root, part) => openKnownDigests(places.digests, part === undefined ? root : JSON.stringify([root, part])),
    note: (name) => noteIn(places, name),
    prune: (options) => guarded(folder, () => pruneStore(places, options)),
  };
}

async function receive(places: Places, content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>, expected: Partial<Stored>): Promise<Stored> {
  const writer = await openWriter(places);
  try {
    const hash = createHash('sha256');
    let size = 0;
    for await (const chunk of content) {
      hash.update(chunk);
      size += chunk.length;
      // What sends without an end is not written to the disk without an end.
      if (expected.size !== undefined && size > expected.size) break;
      await writer.write(chunk);
    }
    const stored: Stored = { digest: `sha256:${hash.digest('hex')}`, size };
    if ((expected.digest ?? stored.digest) !== stored.digest || (expected.size ?? size) !== size) throw mismatch(places.folder, expected, stored);
    await writer.commit(stored.digest);
    return stored;
  } finally {
    await writer.discard();
  }
}

async function isThere(places: Places, digest: Digest, size: number | undefined): Promise<boolean> {
  const found = await guarded(places.folder, () => use(pathOf(places, digest)));
  return found !== undefined && (size === undefined || found === size);
}

async function* contentOf(places: Places, digest: Digest, verify: boolean): AsyncGenerator<Buffer> {
  const file = pathOf(places, digest);
  await use(file);
  const hash = verify ? createHash('sha256') : undefined;
  let size = 0;
  for await (const chunk of presentChunks(places, digest, file)) {
    hash?.update(chunk);
    size += chunk.length;
    yield chunk;
  }
  const found = hash === undefined ? digest : `sha256:${hash.digest('hex')}` as const;
  if (found === digest) return;
  await rm(file, { force: true }).catch(() => undefined);
  throw mismatch(file, { digest }, { digest: found, size }, true);
}

async function* presentChunks(places: Places, digest: Digest, file: string): AsyncGenerator<Buffer> {
  for (const last of [false, true]) {
    try {
      yield* chunksOf(file);
      return;
    } catch (error) {
      if (errorCode(error) !== 'ENOENT' && errorCode(error) !== 'ENOTDIR') throw error;
      // Only opening it can fail so, before anything was read.
      if (last) throw missing(digest, places.folder);
      await wait(BACK_MS);
    }
  }
}
