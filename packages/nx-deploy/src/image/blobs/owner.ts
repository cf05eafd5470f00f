/** Who made a file of the store that means "I am at work": a process that may be killed and leave the file behind. */
import { randomUUID } from 'node:crypto';
import { link, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { errorCode } from '../../errors.js';
import { identity } from '../../shell/process-table.js';
import { makeFolder, PRIVATE } from './folder.js';
import type { Places } from './places.js';
import { temporaryIn } from './temporary.js';

export interface Owner {
  readonly pid: number;
  /** Tells the process from a later one of the same number. */
  readonly identity: string | undefined;
  readonly host: string;
  /** ms since 1970. */
  readonly since: number;
  /** Tells two files of one process apart. */
  readonly token: string;
}

/** A process of another machine or container cannot be asked; after this long it counts as gone. */
const FOREIGN_MS = 24 * 60 * 60 * 1_000;

export async function thisProcess(): Promise<Owner> {
  return { pid: process.pid, identity: await identity(process.pid), host: hostname(), since: Date.now(), token: randomUUID() };
}

/** Writes the file whole or not at all; false when it is there. */
export async function claim(places: Places, file: string, owner: Owner): Promise<boolean> {
  const temporary = temporaryIn(places);
  for (const folder of [places.temporary, dirname(file)]) await makeFolder(folder, PRIVATE);
  try {
    // On a full disk the file is made and nothing goes into it.
    await writeFile(temporary, JSON.stringify(owner), { flag: 'wx', mode: 0o600 });
    await link(temporary, file);
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(temporary, { force: true });
  }
}

/** Undefined when the file is gone; what cannot be read as an owner belongs to nobody. */
export async function ownerOf(file: string): Promise<Owner | 'nobody' | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const value: unknown = JSON.parse(text);
    return isOwner(value) ? value : 'nobody';
  } catch {
    return 'nobody';
  }
}

export async function isAtWork(owner: Owner, now = Date.now()): Promise<boolean> {
  if (owner.host !== hostname() || owner.identity === undefined) return now - owner.since < FOREIGN_MS;
  return await identity(owner.pid) === owner.identity;
}

function isOwner(value: unknown): value is Owner {
  return typeof value === 'object' && value !== null && 'pid' in value && typeof value.pid === 'number' && 'host' in value && typeof value.host === 'string'
    && 'since' in value && typeof value.since === 'number' && 'token' in value && typeof value.token === 'string'
    && (!('identity' in value) || typeof value.identity === 'string');
}
