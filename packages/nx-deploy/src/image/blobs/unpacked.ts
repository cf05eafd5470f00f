/**
 * Layers that lie unpacked in the store, so that a smoke import need not unpack thousands of modules again: `<unpacked>/<64 hex>/root` with its files, and `state.json` beside it.
 * A copy gets its name by a rename once it is complete; what a killed process left is a temporary that prune removes.
 */
import { chmodSync, lstatSync, readdirSync } from 'node:fs';
import { lstat, mkdir, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { errorCode } from '../../errors.js';
import type { Digest } from '../oci.js';
import { guarded } from './failures.js';
import { makeFolder, PRIVATE } from './folder.js';
import { namesIn } from './hold.js';
import { exclusively } from './once.js';
import { pathOf, type Places } from './places.js';
import { temporaryIn } from './temporary.js';

/** Lays the layer out in the folder, which is there and empty. */
export type Unpack = (folder: string) => Promise<void>;

interface State {
  /** Bytes of its files. */
  readonly size: number;
  /** Each with the time of its last change, in ms: a file that is added, removed or replaced changes it. What a file holds is protected by its mode. */
  readonly folders: readonly (readonly [path: string, changed: number])[];
}

const NAME = /^[0-9a-f]{64}$/;

/** The folder with the files of the layer. One that somebody wrote to is made anew. */
export async function keepUnpacked(places: Places, digest: Digest, unpack: Unpack): Promise<string> {
  // It also refuses what is no digest.
  const hex = basename(pathOf(places, digest));
  const kept = join(places.unpacked, hex);
  await exclusively(places, `unpacked-${hex}`, async () => (await isIntact(kept) ? true : undefined), async () => {
    await make(places, kept, unpack);
    return true;
  });
  return join(kept, 'root');
}

/** All that lies unpacked, with the bytes of its files and the time of its last use in ms since 1970. */
export async function listUnpacked(places: Places): Promise<{ readonly file: string; readonly size: number; readonly used: number }[]> {
  const found = [];
  for (const name of await namesIn(places.unpacked)) {
    const file = join(places.unpacked, name);
    const stat = NAME.test(name) ? await lstat(file).catch(() => undefined) : undefined;
    if (stat?.isDirectory() === true) found.push({ file, size: (await stateOf(file))?.size ?? 0, used: stat.mtimeMs });
  }
  return found;
}

async function make(places: Places, kept: string, unpack: Unpack): Promise<void> {
  const temporary = temporaryIn(places);
  const root = join(temporary, 'root');
  try {
    await guarded(places.folder, async () => {
      for (const folder of [places.temporary, places.unpacked]) await makeFolder(folder, PRIVATE);
      await mkdir(root, { recursive: true, mode: PRIVATE });
    });
    await unpack(root);
    await guarded(places.folder, async () => {
      await writeFile(join(temporary, 'state.json'), JSON.stringify(protect(root)), { mode: 0o600 });
      await putInPlace(places, temporary, kept);
    });
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** What is there was written to, or was made by another process just now: it is as good, or goes as a whole. */
async function putInPlace(places: Places, temporary: string, kept: string): Promise<void> {
  const aside = temporaryIn(places);
  if (!await isIntact(kept)) await rename(kept, aside).catch(ignore('ENOENT'));
  await rename(temporary, kept).catch(ignore('ENOTEMPTY', 'EEXIST'));
  await rm(aside, { recursive: true, force: true });
}

/** Folders stay writable, so that whoever prunes can remove them; what is written into them shows. */
function protect(root: string): State {
  const folders: [string, number][] = [];
  let size = 0;
  const waiting = [''];
  for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop()) {
    const path = join(root, folder);
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      if (entry.isDirectory()) waiting.push(join(folder, entry.name));
      if (!entry.isFile()) continue;
      const stat = lstatSync(join(path, entry.name));
      size += stat.size;
      if ((stat.mode & 0o222) !== 0) chmodSync(join(path, entry.name), stat.mode & 0o555);
    }
    folders.push([folder, lstatSync(path).mtimeMs]);
  }
  return { size, folders };
}

/** It then counts as used now. */
async function isIntact(kept: string): Promise<boolean> {
  const now = new Date();
  // Before the look, as for a blob: a prune that comes later sees the use. A store that may only be read is used as it is.
  await utimes(kept, now, now).catch(() => undefined);
  const state = await stateOf(kept);
  return state !== undefined && state.folders.every(([path, changed]) => {
    const stat = lstatSync(join(kept, 'root', path), { throwIfNoEntry: false });
    return stat?.isDirectory() === true && stat.mtimeMs === changed;
  });
}

async function stateOf(kept: string): Promise<State | undefined> {
  try {
    const value = JSON.parse(await readFile(join(kept, 'state.json'), 'utf8')) as Partial<State> | null;
    return typeof value?.size === 'number' && Array.isArray(value.folders) ? value as State : undefined;
  } catch {
    return undefined;
  }
}

function ignore(...codes: readonly string[]): (error: unknown) => void {
  return (error) => {
    if (!codes.includes(errorCode(error) ?? '')) throw error;
  };
}
