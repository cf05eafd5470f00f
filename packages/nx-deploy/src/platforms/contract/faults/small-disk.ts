/** A disk of its own for one place: small, so that it can be filled, and mounted by this test, so that it can be made read-only. Needs the right to mount. */
import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, realpathSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { errorCode } from '../../../errors.js';

const MEGABYTES = 32;

export interface SmallDisk {
  readonly folder: string;
  /** Leaves no byte. */
  fill(): void;
  free(): void;
  /** What is opened from now on cannot be written to. */
  readOnly(): void;
  writable(): void;
  remove(): void;
}

function run(program: string, ...args: readonly string[]): void {
  execFileSync(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
}

/** Undefined where this user may not mount. */
export function smallDisk(): SmallDisk | undefined {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'nx-deploy-disk-')));
  try {
    run('mount', '-t', 'tmpfs', '-o', `size=${MEGABYTES}m,mode=700`, 'nx-deploy-test', folder);
  } catch {
    rmSync(folder, { recursive: true });
    return undefined;
  }
  const inner = join(folder, 'disk');
  mkdirSync(inner);
  const filler = join(inner, 'filler');
  let bound = false;
  const writable = (): void => {
    if (bound) run('umount', '-l', inner);
    bound = false;
  };
  return {
    folder: inner,
    fill: () => fillWith(filler),
    free: () => rmSync(filler, { force: true }),
    readOnly() {
      // A mount of its own, for the files that instances have open keep the disk itself from being made read-only.
      run('mount', '--bind', inner, inner);
      bound = true;
      run('mount', '-o', 'remount,bind,ro', inner);
    },
    writable,
    remove() {
      writable();
      run('umount', '-l', folder);
      rmSync(folder, { recursive: true });
    },
  };
}

/** Nothing can be made or removed in the folder until the end. Undefined where that is not possible. */
export function makeImmutable(folder: string): { end(): void } | undefined {
  try {
    run('chattr', '+i', folder);
  } catch {
    return undefined;
  }
  return { end: () => run('chattr', '-i', folder) };
}

function fillWith(file: string): void {
  const handle = openSync(file, 'a');
  try {
    for (const piece of [1024 * 1024, 4096, 1]) {
      while (fits(handle, piece));
    }
  } finally {
    closeSync(handle);
  }
}

function fits(handle: number, bytes: number): boolean {
  try {
    return writeSync(handle, Buffer.alloc(bytes)) === bytes;
  } catch (error) {
    if (errorCode(error) === 'ENOSPC') return false;
    throw error;
  }
}
