/** Files that are there whole or not at all, whatever kills the writer. */
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { dirname } from 'node:path';
import { DeployError, diskFull, errorCode } from '../errors.js';
import { STATE_SCHEMA } from './state-store.js';

export const PRIVATE_FILE = 0o600;
export const PRIVATE_FOLDER = 0o700;

/** Temp file, fsync, rename, fsync of the folder. Rejects with ND-DISK-FULL when there is no room. */
export async function writeAtomically(file: string, text: string | Uint8Array): Promise<void> {
  const temp = `${file}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`;
  try {
    await mkdir(dirname(file), { recursive: true, mode: PRIVATE_FOLDER });
    const handle = await open(temp, 'wx', PRIVATE_FILE);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temp, file);
    await syncFolder(dirname(file));
  } catch (error) {
    // What kept it from being written may keep it from being removed.
    await rm(temp, { force: true }).catch(() => undefined);
    throw writeError(error, file);
  }
}

/** What a write of state failed with, as an error that says what to do. */
export function writeError(thrown: unknown, file: string): unknown {
  return diskFull(thrown, { what: 'the state of the service could not be written', where: file, again: 'run the command again; status shows what runs' }) ?? thrown;
}

/** Renames a file that cannot be used, so that it is kept for a person and in nobody's way; resolves with its new path. */
export async function setAside(file: string): Promise<string> {
  const aside = asideName(file);
  await rename(file, aside);
  await syncFolder(dirname(file));
  return aside;
}

export function asideName(file: string): string {
  return `${file}.damaged-${new Date().toISOString().replace(/[-:]|\.\d+Z/g, '')}-${randomBytes(2).toString('hex')}`;
}

export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The text of a file, or undefined when there is none. */
export async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw readError(error, file);
  }
}

/** What a read of state failed with: a file of another user is not damaged, and is no bug either. */
export function readError(thrown: unknown, file: string): unknown {
  if (errorCode(thrown) !== 'EACCES' && errorCode(thrown) !== 'EPERM') return thrown;
  return new DeployError('ND-DISK-FULL', {
    what: 'the state of the service could not be read', where: file, why: 'the user of this process may not read it',
    next: 'give it back to that user (a command that was run with sudo may have taken it), then run the command again',
  }, { cause: thrown });
}

export function isMissing(error: unknown): boolean {
  return errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR';
}

/** Reads a state file and checks its schema version and shape: damaged or newer state is refused, never taken for empty. */
export async function readState<T extends { readonly schema: number }>(file: string, valid: (value: object) => value is T): Promise<T | undefined> {
  const text = await readIfThere(file);
  if (text === undefined) return undefined;
  return parseState(text, file, valid);
}

export function parseState<T extends { readonly schema: number }>(text: string, file: string, valid: (value: object) => value is T): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw damaged(file, 'it is not JSON');
  }
  if (value === null || typeof value !== 'object') throw damaged(file, 'it is not a JSON object');
  if ('schema' in value && typeof value.schema === 'number' && value.schema > STATE_SCHEMA) {
    throw new DeployError('ND-STATE-NEWER', {
      what: 'the stored state was written by a newer version', where: file,
      why: `it has schema ${value.schema}, this version reads ${STATE_SCHEMA}`, next: 'use the newer nx-deploy for this target',
    });
  }
  if (!('schema' in value) || value.schema !== STATE_SCHEMA) throw damaged(file, 'it names no schema that is known');
  if (!valid(value)) throw damaged(file, 'it lacks fields that it must have');
  return value;
}

export function damaged(file: string, why: string): DeployError {
  return new DeployError('ND-STATE-DAMAGED', {
    what: 'the stored state is damaged', where: file, why,
    next: 'run repair: it moves the file aside and rebuilds what it can from what runs; or restore the file from a backup',
  });
}
