import { randomUUID } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from '../../errors.js';
import { guarded } from './failures.js';
import { claim, isAtWork, ownerOf, thisProcess } from './owner.js';
import type { Places } from './places.js';

/** Keeps what is used from now on from being pruned, until it is released or its process has ended. */
export interface Hold {
  release(): Promise<void>;
}

export async function takeHold(places: Places): Promise<Hold> {
  const file = join(places.holds, randomUUID());
  await guarded(places.folder, async () => claim(places, file, await thisProcess()));
  return { release: () => rm(file, { force: true }) };
}

/** When the oldest build under way began, in ms since 1970. Files of those that were killed are removed. */
export async function earliestHold(places: Places, now: number): Promise<number> {
  let earliest = Number.POSITIVE_INFINITY;
  for (const name of await namesIn(places.holds)) {
    const file = join(places.holds, name);
    const owner = await ownerOf(file);
    if (owner === undefined) continue;
    if (owner !== 'nobody' && await isAtWork(owner, now)) earliest = Math.min(earliest, owner.since);
    else await rm(file, { force: true });
  }
  return earliest;
}

export async function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return [];
    throw error;
  });
}
