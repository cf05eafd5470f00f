/** Reading a file of the build's output: its bytes once, and proof that they did not change meanwhile. */
import { createHash } from 'node:crypto';
import { closeSync, constants, fstatSync, lstatSync, openSync, readSync, type BigIntStats } from 'node:fs';
import { lstat, open, type FileHandle } from 'node:fs/promises';
import { errorCode } from '../errors.js';
import { changedError } from './storage-error.js';
import { unsafe } from './manifest.js';

const CHUNK = 1024 * 1024;
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const DIFFERS = 'its size, date or identity differs from when the reading began';

export interface SourceContent {
  readonly size: number;
  readonly sha256: string;
  readonly executable: boolean;
}

/**
 * Hands every chunk of the file to `take`, in order and awaited, and resolves with size and digest. Never follows a link, never hangs on a pipe.
 * Rejects with ND-ARTIFACT-CHANGED when the file was written, replaced or removed between the first and the last look.
 */
export async function readSource(source: string, take?: (chunk: Buffer) => Promise<void>): Promise<SourceContent> {
  const handle = await openSource(source);
  try {
    const before = await handle.stat({ bigint: true });
    if (!before.isFile()) throw changedError(source, 'it is no regular file any more');
    const hash = createHash('sha256');
    const size = await readAll(handle, Number(before.size), async (chunk) => {
      hash.update(chunk);
      await take?.(chunk);
    });
    const after = await lstat(source, { bigint: true }).catch(() => undefined);
    if (after === undefined) throw changedError(source, 'it was removed');
    if (BigInt(size) !== before.size || !same(before, after)) throw changedError(source, DIFFERS);
    return { size, sha256: hash.digest('hex'), executable: (before.mode & 0o111n) !== 0n };
  } finally {
    await handle.close();
  }
}

/** A bigger one is read in pieces, so that others may work meanwhile. */
const SMALL = 256 * 1024;
const FILES_A_TURN = 256;
let turn = 0;

/**
 * Size and digest as {@link readSource} finds them, with the same errors; of a small file also what it holds. Small files, which most of node_modules is, are read
 * synchronously: six calls take some microseconds each, and by way of the thread pool ten times as long.
 */
export async function hashSource(source: string): Promise<SourceContent & { readonly content?: Buffer }> {
  const size = lstatSync(source, { throwIfNoEntry: false })?.size ?? 0;
  if (size > SMALL) return readSource(source);
  turn = (turn + 1) % FILES_A_TURN;
  // Timers and signals have their turn as well.
  if (turn === 0) await new Promise(setImmediate);
  let descriptor: number;
  try {
    descriptor = openSync(source, FLAGS);
  } catch (error) {
    throw openFailure(source, error);
  }
  try {
    const before = fstatSync(descriptor, { bigint: true });
    if (!before.isFile()) throw changedError(source, 'it is no regular file any more');
    if (before.size > BigInt(SMALL)) return await readSource(source);
    const content = readSmall(descriptor, Number(before.size));
    const after = lstatSync(source, { bigint: true, throwIfNoEntry: false });
    if (after === undefined) throw changedError(source, 'it was removed');
    if (BigInt(content.length) !== before.size || !same(before, after)) throw changedError(source, DIFFERS);
    return { size: content.length, sha256: createHash('sha256').update(content).digest('hex'), executable: (before.mode & 0o111n) !== 0n, content };
  } finally {
    closeSync(descriptor);
  }
}

/** One byte more than expected shows a file that grew, and its lack the end. */
function readSmall(descriptor: number, expected: number): Buffer {
  const buffer = Buffer.allocUnsafe(expected + 1);
  let size = 0;
  for (;;) {
    const count = readSync(descriptor, buffer, size, buffer.length - size, null);
    size += count;
    if (count === 0 || size >= expected) return buffer.subarray(0, size);
  }
}

async function openSource(source: string): Promise<FileHandle> {
  try {
    return await open(source, FLAGS);
  } catch (error) {
    throw openFailure(source, error);
  }
}

function openFailure(source: string, error: unknown): unknown {
  const code = errorCode(error);
  if (code === 'ENOENT' || code === 'ENOTDIR') return changedError(source, 'it was removed');
  if (code === 'ELOOP' || code === 'ENXIO') return changedError(source, 'it is no regular file any more');
  if (code === 'EACCES' || code === 'EPERM') return unsafe([`it cannot be read (${code})`], source);
  return error;
}

async function readAll(handle: FileHandle, expected: number, take: (chunk: Buffer) => Promise<void>): Promise<number> {
  // One byte more than expected shows a file that grew.
  const buffer = Buffer.allocUnsafe(Math.min(CHUNK, expected + 1));
  let size = 0;
  for (;;) {
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, null);
    if (bytesRead === 0) return size;
    size += bytesRead;
    await take(buffer.subarray(0, bytesRead));
    if (size > expected) return size;
  }
}

function same(before: BigIntStats, after: BigIntStats): boolean {
  return before.size === after.size && before.mtimeNs === after.mtimeNs && before.ino === after.ino && before.dev === after.dev;
}
