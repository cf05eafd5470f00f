/** What a monitor found, one line of JSON for each, in a file that stays whole when its writer is killed and does not grow for ever. */
import { closeSync, createReadStream, existsSync, fstatSync, mkdirSync, openSync, readSync, renameSync, statSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { errorCode, HealthError } from '../errors.js';
import type { HealthStatus } from '../result.js';

export interface HistoryRecord {
  readonly v: 1;
  /** ms since 1970. */
  readonly t: number;
  readonly check: string;
  readonly kind: string;
  readonly severity: string;
  /** As it was found, and as it counted. */
  readonly status: HealthStatus;
  readonly shown: HealthStatus;
  readonly ms: number;
  /** Pause until the next, ms. */
  readonly every: number;
  readonly reason?: string;
}

export interface History {
  /** One system call: a kill leaves the whole line or a part of it, and never one inside another. @throws HealthError */
  append(record: HistoryRecord): void;
  close(): void;
}

/** The part before the one that is written. */
export const earlierPart = (path: string): string => `${path}.1`;

/** Of two parts, of which the earlier is given up when the later is full: at most `mostBytes` together. @throws HealthError */
export function openHistory(path: string, { mostBytes }: { readonly mostBytes: number }): History {
  const attempt = <T>(what: string, run: () => T): T => {
    try {
      return run();
    } catch (error) {
      throw new HealthError({ what: `the history cannot be ${what}: ${errorCode(error)}`, where: path, next: 'name another file by --history, or make room' }, { cause: error });
    }
  };
  let file = attempt('opened', () => openForAppend(path));
  const turn = (): void => {
    // Another monitor of the same file may have turned it already.
    const same = existsSync(path) && statSync(path).ino === fstatSync(file).ino;
    if (same) renameSync(path, earlierPart(path));
    // In this order: where it cannot be opened, the number of a closed one may soon be that of another file.
    const next = openForAppend(path);
    closeSync(file);
    file = next;
  };
  return {
    append: (record) => attempt('written', () => {
      const line = Buffer.from(`${JSON.stringify(record)}\n`);
      if (fstatSync(file).size + line.length > mostBytes / 2) turn();
      writeSync(file, line);
    }),
    close: () => { closeSync(file); },
  };
}

/** Makes its folder. Behind a line that a kill has cut, a new one begins. */
function openForAppend(path: string): number {
  mkdirSync(dirname(path), { recursive: true });
  const file = openSync(path, 'a+', 0o600);
  try {
    const { size } = fstatSync(file);
    const last = Buffer.alloc(1);
    if (size > 0 && readSync(file, last, 0, 1, size - 1) === 1 && last.toString() !== '\n') writeSync(file, '\n');
    return file;
  } catch (error) {
    // A monitor goes on when the disk is full, and comes here again and again.
    closeSync(file);
    throw error;
  }
}

export interface HistoryReading {
  readonly records: readonly HistoryRecord[];
  /** Lines that are none: cut by a kill, or written by somebody else. */
  readonly unreadable: number;
}

/** Both parts, those from `since` (ms since 1970) on, in the order in which they were written. @throws HealthError when there is no history */
export async function readHistory(path: string, since: number): Promise<HistoryReading> {
  const parts = [earlierPart(path), path].filter((part) => existsSync(part));
  if (parts.length === 0) throw new HealthError({ what: 'there is no history', where: path, next: 'run a monitor of the project first (nx-health:monitor), or name the file by --history' });
  const records: HistoryRecord[] = [];
  let unreadable = 0;
  for (const part of parts) {
    for await (const line of createInterface({ input: createReadStream(part, 'utf8'), crlfDelay: Infinity })) {
      const record = recordOf(line);
      if (record === undefined) unreadable += line === '' ? 0 : 1;
      else if (record.t >= since) records.push(record);
    }
  }
  return { records, unreadable };
}

const STATUSES: readonly unknown[] = ['healthy', 'degraded', 'unhealthy'];

function recordOf(line: string): HistoryRecord | undefined {
  try {
    const value = JSON.parse(line) as Partial<Record<keyof HistoryRecord, unknown>> | null;
    const good = value !== null && value.v === 1 && [value.t, value.ms, value.every].every((number) => typeof number === 'number' && Number.isFinite(number) && number >= 0)
      && [value.check, value.kind, value.severity].every((text) => typeof text === 'string') && STATUSES.includes(value.status) && STATUSES.includes(value.shown) && ['string', 'undefined'].includes(typeof value.reason);
    return good ? value as HistoryRecord : undefined;
  } catch {
    return undefined;
  }
}
