/**
 * A file system for what is measured: an ext4 with a journal in a file, as most machines have it. Without a journal, as on small virtual machines, ext4 gives no new file the inode of one that
 * was deleted within the last minutes and looks at each of these first (fs/ext4/ialloc.c, recently_deleted): whoever writes thousands of files then pays for what another one has deleted before.
 */
import { mkdirSync, mkdtempSync, realpathSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { find, run } from './programs.js';

export interface Disk {
  /** Absolute, with all links followed. */
  readonly folder: string;
  /** Removes it with all that is on it. */
  close(): Promise<void>;
}

/** Bytes; only what is written takes room. */
const SIZE = 16 * 1024 ** 3;
const DEADLINE = 60_000;
/** What was ended a moment ago may still hold it. */
const TRIES = 20;

/** A plain temp folder where no file system can be made, which is told. */
export async function openDisk(print: (text: string) => void): Promise<Disk> {
  const place = realpathSync(mkdtempSync(join(tmpdir(), 'nxd-')));
  const remove = (): void => rmSync(place, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  const folder = join(place, 'd');
  mkdirSync(folder);
  try {
    if (!await mounted(join(place, 'disk'), folder, print)) return { folder, close: async () => remove() };
  } catch (error) {
    remove();
    throw error;
  }
  return {
    folder,
    close: async () => {
      await unmount(folder);
      remove();
    },
  };
}

async function mounted(file: string, folder: string, print: (text: string) => void): Promise<boolean> {
  const missing = ['mkfs.ext4', 'mount', 'umount'].filter((program) => find(program) === undefined);
  if (process.platform !== 'linux' || process.getuid?.() !== 0 || missing.length > 0) {
    print('on no file system of its own, which needs root on Linux, mkfs.ext4 and mount: what one side deletes may slow the other down\n');
    return false;
  }
  writeFileSync(file, '');
  truncateSync(file, SIZE);
  // All tables at once: they are not written beside what is measured.
  await run([find('mkfs.ext4') ?? '', '-q', '-F', '-E', 'lazy_itable_init=0,lazy_journal_init=0', file], DEADLINE);
  try {
    await run(['mount', '-o', 'loop', file, folder], DEADLINE);
    return true;
  } catch (error) {
    print(`on no file system of its own: ${error instanceof Error ? error.message.trim() : String(error)}\n`);
    return false;
  }
}

async function unmount(folder: string): Promise<void> {
  for (let left = TRIES; ; left -= 1) {
    try {
      await run(['umount', folder], DEADLINE, { cleaning: true });
      return;
    } catch (error) {
      if (left === 0) throw error;
      await sleep(100);
    }
  }
}
