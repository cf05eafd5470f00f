/**
 * Reading a file into a layer, with proof that it did not change meanwhile. Synchronous: six calls on a small file take some microseconds each, while each would
 * wait behind the compression of a whole chunk in the thread pool that both would share.
 */
import { createHash } from 'node:crypto';
import { closeSync, constants, fstatSync, lstatSync, openSync, readSync, type BigIntStats } from 'node:fs';
import { quoted } from '../../archive/manifest.js';
import { DeployError, errorCode } from '../../errors.js';
import { unsafe } from './entry.js';

export interface Source {
  /** Bytes. */
  readonly size: number;
  /** Reads on into the buffer, as much as fits or is left; the number of bytes. Throws when the file became shorter. */
  read(into: Buffer): number;
  /** Throws when the file is not what it was when it was opened. */
  confirm(): void;
  close(): void;
}

/**
 * Never follows a link, never hangs on a pipe.
 * @throws DeployError ND-ARTIFACT-CHANGED when it is gone, or has not `expected` bytes; `confirm` also when its content is not that of `sha256`; ND-ARTIFACT-UNSAFE when it is no regular file or may not be read.
 */
export function openSource(file: string, expected?: number, sha256?: string): Source {
  const before = look(file);
  if (!before.isFile()) throw unsafe([`${quoted(file)}: it is a ${kind(before)}, not a regular file`]);
  const size = Number(before.size);
  if (expected !== undefined && expected !== size) throw changed(file, `it has ${size} bytes, and had ${expected} when it was listed`);
  const descriptor = attempt(file, () => openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK));
  const hash = sha256 === undefined ? undefined : createHash('sha256');
  let left = size;
  return {
    size,
    read: (into) => {
      const count = attempt(file, () => readSync(descriptor, into, 0, Math.min(into.length, left), null));
      if (count === 0 && left > 0) throw changed(file, 'it became shorter');
      left -= count;
      hash?.update(into.subarray(0, count));
      return count;
    },
    confirm: () => {
      if (!same(before, fstatSync(descriptor, { bigint: true })) || !same(before, look(file))) throw changed(file, 'its size, date or identity differs from when the reading began');
      if (hash !== undefined && hash.digest('hex') !== sha256) throw changed(file, 'its content is not what it was when it was listed');
    },
    close: () => closeSync(descriptor),
  };
}

function look(file: string): BigIntStats {
  return attempt(file, () => lstatSync(file, { bigint: true }));
}

function attempt<T>(file: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') throw changed(file, 'it was removed');
    if (code === 'ELOOP' || code === 'ENXIO') throw changed(file, 'it is no regular file any more');
    if (code === 'EACCES' || code === 'EPERM') throw unsafe([`${quoted(file)}: it cannot be read (${code})`]);
    throw error;
  }
}

function same(a: BigIntStats, b: BigIntStats): boolean {
  return a.size === b.size && a.mtimeNs === b.mtimeNs && a.ino === b.ino && a.dev === b.dev;
}

function kind(stat: BigIntStats): string {
  if (stat.isSocket()) return 'socket';
  if (stat.isFIFO()) return 'named pipe';
  if (stat.isSymbolicLink()) return 'symbolic link';
  if (stat.isDirectory()) return 'folder';
  return 'device';
}

function changed(file: string, why: string): DeployError {
  return new DeployError('ND-ARTIFACT-CHANGED', {
    what: 'a file changed while the image was built', where: quoted(file), why,
    next: 'let the build finish (a watch mode may be running), then build the image again',
  });
}
