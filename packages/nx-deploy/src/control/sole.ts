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
 * once one wins. A file whose process is gone is moved aside; that two do this at the same moment is seen by looking again a little later.
 */
export async function takeCharge(lockFile: string): Promise<boolean> {
  const own: Holder = { pid: process.pid, identity: await identity(process.pid) ?? '' };
  const temp = `${lockFile}.${process.pid}`;
  await writeFile(temp, JSON.stringify(own), { mode: 0o600 });
  try {
    for (let attempt = 0; attempt < 10; attempt += 1) {
      if (await linked(temp, lockFile)) {
        await sleep(SETTLE_MS);
        return await isInCharge(lockFile);
      }
      const holder = await read(lockFile);
      if (holder !== undefined && await isAlive(holder.pid, holder.identity)) return false;
      await rename(lockFile, `${temp}.stale`).catch(() => undefined);
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
