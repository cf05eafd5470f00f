/** Makes sure that one agent is in charge of a home. */
import { createHash } from 'node:crypto';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorCode } from '../errors.js';
import { identity, isAlive } from '../shell/process-table.js';

/** A process, told from a later one with the same number. */
export interface Claimant {
  readonly pid: number;
  readonly identity: string;
}

interface Holder extends Claimant {
  /** Takes charge as soon as the holder is gone, so nobody else may. */
  readonly standby?: Claimant;
}

const SETTLE_MS = 30;
/** How long whoever removes a file of somebody who is gone is waited for: on a busy machine it may not run for a while. */
const PATIENCE_MS = 3_000;
const PAUSE_MS = 10;

/**
 * True when this process is now the one in charge. The lock is a file that names a process; a link never replaces one, so of two that start at
 * once one wins. A file whose process is gone is moved aside by one alone, who claims the removal of that very text first: whoever read it earlier and acts
 * late finds another text by then. Should the claim be doubled, as its own holder was killed meanwhile, a file of a living process is put back, and who is named looks again a little later.
 */
export async function takeCharge(lockFile: string): Promise<boolean> {
  const own: Holder = { pid: process.pid, identity: await identity(process.pid) ?? '' };
  const temp = `${lockFile}.${process.pid}`;
  await writeFile(temp, JSON.stringify(own), { mode: 0o600 });
  try {
    for (const end = performance.now() + PATIENCE_MS; performance.now() < end;) {
      if (await linked(temp, lockFile)) {
        await sleep(SETTLE_MS);
        if (await isInCharge(lockFile)) return true;
        continue;
      }
      const text = await textOf(lockFile);
      const holder = holderIn(text);
      if (holder?.pid === own.pid && holder.identity === own.identity) return true;
      if (await lives(holder)) return false;
      if (text === undefined || !await moveAside(lockFile, text, temp)) await sleep(PAUSE_MS);
    }
    return false;
  } finally {
    await rm(temp, { force: true });
    await rm(`${temp}.stale`, { force: true });
  }
}

/** Names the process that is to take charge when this one is gone. Does nothing when this process is not in charge. */
export async function nameStandby(lockFile: string, pid: number): Promise<void> {
  const holder = await read(lockFile);
  const known = await identity(pid);
  if (holder?.pid !== process.pid || known === undefined) return;
  await replace(lockFile, { pid: holder.pid, identity: holder.identity, standby: { pid, identity: known } });
}

/**
 * Makes this process, the named standby of `former`, the one in charge, and resolves with the one before; undefined when another one is in charge.
 * To be called when `former` is gone or hands over.
 */
export async function succeed(lockFile: string, former: number): Promise<Claimant | undefined> {
  const holder = await read(lockFile);
  if (holder?.pid !== former || holder.standby?.pid !== process.pid) return undefined;
  await replace(lockFile, holder.standby);
  return { pid: holder.pid, identity: holder.identity };
}

/** The one in charge, if it is `former` and this process is its named standby. */
export async function inherits(lockFile: string, former: number): Promise<Claimant | undefined> {
  const holder = await read(lockFile);
  return holder?.pid === former && holder.standby?.pid === process.pid ? { pid: holder.pid, identity: holder.identity } : undefined;
}

/** The processes that the lock file names and that live: the one in charge and its standby. */
export async function claimants(lockFile: string): Promise<readonly Claimant[]> {
  const holder = await read(lockFile);
  const named = holder === undefined ? [] : [holder, ...(holder.standby === undefined ? [] : [holder.standby])];
  const living = await Promise.all(named.map(({ pid, identity }) => isAlive(pid, identity)));
  return named.filter((_, index) => living[index]);
}

/** Does the lock file name a process that lives, as holder or as standby? Then an agent answers, or will in a moment. */
export async function isClaimed(lockFile: string): Promise<boolean> {
  return lives(await read(lockFile));
}

/** Does the lock file name somebody, and is all that it names gone? Whoever leaves on purpose removes the file. */
export async function isAbandoned(lockFile: string): Promise<boolean> {
  const holder = await read(lockFile);
  return holder !== undefined && !await lives(holder);
}

async function replace(lockFile: string, holder: Holder): Promise<void> {
  const temp = `${lockFile}.${process.pid}.next`;
  await writeFile(temp, JSON.stringify(holder), { mode: 0o600 });
  await rename(temp, lockFile);
}

/** Does the lock file still name this process? */
export async function isInCharge(lockFile: string): Promise<boolean> {
  return (await read(lockFile))?.pid === process.pid;
}

async function lives(holder: Holder | undefined): Promise<boolean> {
  if (holder === undefined) return false;
  if (await isAlive(holder.pid, holder.identity)) return true;
  return holder.standby !== undefined && isAlive(holder.standby.pid, holder.standby.identity);
}

/** False when another process is about to do the same. `own`: a file that names this process. */
async function moveAside(lockFile: string, text: string, own: string): Promise<boolean> {
  const [claim, aside] = [`${lockFile}.${createHash('sha256').update(text).digest('hex').slice(0, 12)}.claim`, `${own}.stale`];
  if (!await linked(own, claim)) {
    // One that was killed in between keeps nobody from it.
    if (!await lives(await read(claim))) await rm(claim, { force: true });
    return false;
  }
  try {
    if (await textOf(lockFile) !== text) return true;
    await rename(lockFile, aside).catch(() => undefined);
    if (await lives(await read(aside))) await link(aside, lockFile).catch(() => undefined);
    return true;
  } finally {
    await rm(claim, { force: true });
  }
}

async function linked(temp: string, lockFile: string): Promise<boolean> {
  return link(temp, lockFile).then(() => true, (error: unknown) => {
    if (errorCode(error) === 'EEXIST') return false;
    throw error;
  });
}

/** Undefined when there is none or when it is damaged: then nobody holds it. */
async function read(lockFile: string): Promise<Holder | undefined> {
  return holderIn(await textOf(lockFile));
}

/** Undefined when there is no such file. */
function textOf(file: string): Promise<string | undefined> {
  return readFile(file, 'utf8').catch(() => undefined);
}

function holderIn(text = ''): Holder | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const holder = claimant(value);
    const standby = value !== null && typeof value === 'object' && 'standby' in value ? claimant(value.standby) : undefined;
    return holder && { ...holder, ...(standby === undefined ? {} : { standby }) };
  } catch {
    return undefined;
  }
}

function claimant(value: unknown): Claimant | undefined {
  if (value === null || typeof value !== 'object' || !('pid' in value) || !('identity' in value)) return undefined;
  return { pid: Number(value.pid), identity: String(value.identity) };
}
