/** Work that two processes must not do at once: one does it, and the other is told who is at it. */
import { createHash, randomUUID } from 'node:crypto';
import { link, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from '../../errors.js';
import { guarded } from './failures.js';
import { claim, isAtWork, ownerOf, thisProcess, type Owner } from './owner.js';
import type { Places } from './places.js';

/** What came of it, or the process that is at it and kept this one from beginning. */
export type Alone<T> = { readonly done: T } | { readonly busy: Owner };

/** `key`: names the work, for every process that uses the store. A process that was killed is no hindrance. */
export async function alone<T>(places: Places, key: string, work: () => Promise<T>): Promise<Alone<T>> {
  const lock = join(places.locks, createHash('sha256').update(key).digest('hex'));
  const owner = await thisProcess();
  const busy = await guarded(places.folder, () => take(places, lock, owner));
  if (busy !== undefined) return { busy };
  try {
    return { done: await work() };
  } finally {
    await remove(lock, owner.token);
  }
}

/** The other owner who is alive, or undefined when the lock is ours now. */
async function take(places: Places, lock: string, owner: Owner): Promise<Owner | undefined> {
  while (!await claim(places, lock, owner)) {
    const holder = await ownerOf(lock);
    if (holder === undefined) continue;
    if (holder !== 'nobody' && await isAtWork(holder)) return holder;
    await remove(lock, holder === 'nobody' ? undefined : holder.token);
  }
  return undefined;
}

/** Removes the lock of this token only: one that another process took meanwhile is put back. */
async function remove(lock: string, token: string | undefined): Promise<void> {
  const aside = `${lock}.${randomUUID()}`;
  try {
    await rename(lock, aside);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return;
    throw error;
  }
  const found = await ownerOf(aside);
  const meant = found === 'nobody' ? token === undefined : found?.token === token;
  if (!meant) await link(aside, lock).catch(() => undefined);
  await rm(aside, { force: true });
}
