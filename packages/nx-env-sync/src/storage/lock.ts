/** One writer of a workspace's environments at a time. A lock whose process is gone is free. */
import { createHash, randomBytes } from 'node:crypto';
import { link, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { EnvSyncError, errorCode } from '../errors.js';
import { printable } from '../problem.js';
import { readTextFile } from '../read-file.js';
import { processStart } from '../shell/process-start.js';
import { stateFolder } from './state-folder.js';
import { PRIVATE_FILE } from '../files/replace-file.js';

interface Holder {
  readonly pid: number;
  /** See {@link processStart}. */
  readonly start: string;
  readonly host: string;
  /** Tells two locks of one process apart. */
  readonly nonce: string;
  readonly command: string;
}

/** What stands in a lock's file. The digest names this lock and no other, even one that nobody can read. */
interface Found { readonly holder: Holder | undefined; readonly digest: string }

const ATTEMPTS = 200;
const BETWEEN = 10;

/**
 * Does the work while nobody else changes environments of this workspace.
 * @param command what is done, for whoever comes meanwhile: `env-sync of production`.
 * @throws EnvSyncError when somebody else is at it.
 */
export async function withLock<T>(workspaceRoot: string, command: string, work: () => Promise<T>): Promise<T> {
  const path = join(await stateFolder(workspaceRoot), 'lock');
  const own: Holder = { pid: process.pid, start: await processStart(process.pid) ?? '', host: hostname(), nonce: randomBytes(8).toString('hex'), command };
  const draft = `${path}.${own.nonce}`;
  await writeFile(draft, JSON.stringify(own), { mode: PRIVATE_FILE, flag: 'wx' });
  try {
    for (let attempt = 0; ; attempt += 1) {
      const holder = await take(path, draft);
      if (holder === 'taken') break;
      if (holder !== 'gone') throw held(holder, path);
      if (attempt === ATTEMPTS) throw new EnvSyncError('failed', { what: 'the lock of the environments could not be taken', where: path, next: 'try again; when nobody else is at work, remove it' });
      await sleep(BETWEEN);
    }
    try {
      return await work();
    } finally {
      await rm(path, { force: true });
    }
  } finally {
    await rm(draft, { force: true });
  }
}

/** One attempt. `gone`: whoever held it is no more, and it may be free by now. */
async function take(path: string, draft: string): Promise<'taken' | 'gone' | Holder> {
  if (await linked(draft, path)) return 'taken';
  const found = await read(path);
  if (found === undefined) return 'gone';
  if (found.holder !== undefined && await lives(found.holder)) return found.holder;
  await clear(path, found.digest, draft);
  return 'gone';
}

/** A link is made whole and never replaces. */
async function linked(draft: string, path: string): Promise<boolean> {
  try {
    await link(draft, path);
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    throw error;
  }
}

/**
 * Takes away a lock whose process is gone. Of several that see it one may: whoever holds a lock of its own that is named after this one. What stands there
 * cannot become another lock meanwhile, since nobody else may take this one away.
 */
async function clear(path: string, digest: string, draft: string): Promise<void> {
  const right = `${path}.${digest}`;
  if (await take(right, draft) !== 'taken') return;
  try {
    if ((await read(path))?.digest === digest) await rm(path, { force: true }).catch(() => undefined);
  } finally {
    await rm(right, { force: true });
  }
}

async function lives({ pid, start, host }: Holder): Promise<boolean> {
  // Of a process of another machine nobody here can say that it is gone.
  if (host !== hostname()) return true;
  return pid > 0 && start !== '' && await processStart(pid) === start;
}

/** undefined when the lock is gone. */
async function read(path: string): Promise<Found | undefined> {
  const file = await readTextFile(path);
  if (file.state === 'missing') return undefined;
  const text = file.state === 'read' ? file.text : '';
  const digest = createHash('sha256').update(text).digest('hex').slice(0, 16);
  try {
    const value: unknown = JSON.parse(text);
    return { holder: isHolder(value) ? value : undefined, digest };
  } catch {
    // A lock is made whole: what cannot be read is none of a process that lives.
    return { holder: undefined, digest };
  }
}

function isHolder(value: unknown): value is Holder {
  const fields = typeof value === 'object' && value !== null ? value as Partial<Record<keyof Holder, unknown>> : {};
  return typeof fields.pid === 'number' && [fields.start, fields.host, fields.nonce, fields.command].every((field) => typeof field === 'string');
}

function held({ pid, host, command }: Holder, path: string): EnvSyncError {
  return new EnvSyncError('refused', {
    what: `somebody else changes environments of this workspace: ${printable(command, 80)}`, where: path, why: `process ${pid} on ${printable(host, 80)} is at it`,
    next: host === hostname() ? 'wait until it has ended' : 'wait until it has ended; if that machine is gone, remove the file',
  });
}
