/** Makes sure that one agent is in charge of a home. */
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorCode } from '../errors.js';
import { identity, isAlive } from '../shell/process-table.js';

interface Holder {
  readonly pid: number;
  readonly identity: string;
}

const SETTLE_MS = 30;

/**
 * True when this process is now the one in charge. The lock is a file that names a process; a link never replaces one, so of two that start at
 * once one wins. A file whose process is gone is moved aside. Should it be another by then, because two do this at the same moment, it is put back,
 * and who is named looks again a little later.
 */
export async function takeCharge(lockFile: string): Promise<boolean> {
  const own: Holder = { pid: process.pid, identity: await identity(process.pid) ?? '' };
  const temp = `${lockFile}.${process.pid}`;
  await writeFile(temp, JSON.stringify(own), { mode: 0o600 });
  try {
    for (let attempt = 0; attempt < 10; attempt += 1) {
      if (await linked(temp, lockFile)) {
        await sleep(SETTLE_MS);
        if (await isInCharge(lockFile)) return true;
        continue;
      }
      const holder = await read(lockFile);
      if (holder?.pid === own.pid && holder.identity === own.identity) return true;
      if (await lives(holder)) return false;
      await moveAside(lockFile, `${temp}.stale`);
    }
    return false;
  } finally {
    await rm(temp, { force: true });
    await rm(`${temp}.stale`, { force: true });
  }
}

/** Does the lock file still name this process? */
export async function isInCharge(lockFile: string): Promise<boolean> {
  return (await read(lockFile))?.pid === process.pid;
}

async function lives(holder: Holder | undefined): Promise<boolean> {
  return holder !== undefined && await isAlive(holder.pid, holder.identity);
}

async function moveAside(lockFile: string, aside: string): Promise<void> {
  await rename(lockFile, aside).catch(() => undefined);
  if (await lives(await read(aside))) await link(aside, lockFile).catch(() => undefined);
}

async function linked(temp: string, lockFile: string): Promise<boolean> {
  return link(temp, lockFile).then(() => true, (error: unknown) => {
    if (errorCode(error) === 'EEXIST') return false;
    throw error;
  });
}

/** Undefined when there is none or when it is damaged: then nobody holds it. */
async function read(lockFile: string): Promise<Holder | undefined> {
  try {
    const value: unknown = JSON.parse(await readFile(lockFile, 'utf8'));
    if (value === null || typeof value !== 'object' || !('pid' in value) || !('identity' in value)) return undefined;
    return { pid: Number(value.pid), identity: String(value.identity) };
  } catch {
    return undefined;
  }
}
