import { readFile, stat } from 'node:fs/promises';
import { messageOf } from './problems.js';

/** Files that people and tools write are small; what is larger is a mistake, or an attack. */
export const MOST_BYTES = 64 * 1024 * 1024;

/** Whether a file system's error says that there is nothing. */
export function isMissing(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A whole number from 0, as counts and sizes are. */
export function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

/**
 * Text of a UTF-8 file without a byte order mark; undefined when it does not exist.
 * @throws Error when it is no file, too large or not UTF-8
 */
export async function readText(file: string, most = MOST_BYTES): Promise<string | undefined> {
  let size: number;
  try {
    const stats = await stat(file);
    if (!stats.isFile()) throw new Error('is not a file');
    ({ size } = stats);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  if (size > most) throw new Error(`is larger than ${most} bytes`);
  const bytes = await readFile(file);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new Error('is not valid UTF-8', { cause });
  }
}

/**
 * The value in a JSON text.
 * @throws Error that says where it breaks off
 */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Error(`is not valid JSON: ${messageOf(cause)}`, { cause });
  }
}

/** What stands under a name, and not what every object has. */
export function entryOf<Value>(of: Readonly<Record<string, Value>> | undefined, name: string): Value | undefined {
  return of !== undefined && Object.hasOwn(of, name) ? of[name] : undefined;
}
