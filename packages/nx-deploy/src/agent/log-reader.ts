/** Reads and follows the log files that shims write, of one instance or of many at once. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as breathe, setTimeout as sleep } from 'node:timers/promises';
import type { LogLine, LogOptions } from '../model/index.js';
import { isMissing } from '../releases/index.js';
import { rotated } from './log-file.js';
import { LogCursor, stretches, type LogSource, type Position } from './log-lines.js';

export { parseLine, type LogSource } from './log-lines.js';

const POLL_MS = 200;
const TAIL_BYTES = 256 * 1024;
/** Lines in a row: the process that reads carries the traffic too. */
const LINES_AT_ONCE = 250;

export async function logSources(folder: string, release?: string, instance?: string): Promise<readonly LogSource[]> {
  const releases = release === undefined ? await names(folder) : [release];
  const found = await Promise.all(releases.map(async (id) => (await names(join(folder, id)))
    .filter((name) => name.endsWith('.log'))
    .map((name) => ({ release: id, instance: name.slice(0, -'.log'.length), file: join(folder, id, name) }))));
  return found.flat().filter((source) => instance === undefined || source.instance === instance);
}

async function names(folder: string): Promise<readonly string[]> {
  return readdir(folder).then((list) => list.sort(), (error: unknown) => {
    if (isMissing(error)) return [];
    throw error;
  });
}

/**
 * All lines that are stored when it begins in the order of their time, then, with `follow`, new ones until the signal aborts. A line still being written
 * waits for its end. Files are read as the lines are taken; when the signal aborts, or the reader leaves, it ends soon and closes them.
 */
export async function* readLogs(folder: string, release: string | undefined, options: LogOptions): AsyncIterable<LogLine> {
  const positions = new Map<string, Position>();
  const since = options.since === undefined ? '' : normalTime(options.since);
  const over = (): boolean => options.follow !== true || options.signal?.aborted === true;
  for (;;) {
    const cursors: LogCursor[] = [];
    try {
      for (const source of await logSources(folder, release, options.instance)) {
        cursors.push(new LogCursor(source, await stretches(source.file, positions.get(source.file), since), since));
      }
      yield* merged(cursors, options.signal);
      for (const { source, position } of cursors) if (position !== undefined) positions.set(source.file, position);
    } finally {
      await Promise.all(cursors.map((cursor) => cursor.close()));
    }
    if (over()) return;
    await sleep(POLL_MS, undefined, options.signal === undefined ? {} : { signal: options.signal }).catch(() => undefined);
    if (over()) return;
  }
}

/** As the log has it, so that times compare as texts. */
function normalTime(time: string): string {
  const ms = Date.parse(time);
  return Number.isNaN(ms) ? time : new Date(ms).toISOString();
}

/** The next line of a log. `index`: of two lines of the same time that of the earlier log comes first. */
interface Head {
  readonly line: LogLine;
  readonly cursor: LogCursor;
  readonly index: number;
}

/** A merge of many sorted logs into one: the heads of all are kept in order, and the first is taken and followed by the next of its log. */
async function* merged(cursors: readonly LogCursor[], signal: AbortSignal | undefined): AsyncGenerator<LogLine, void> {
  const heads: Head[] = [];
  const put = (line: LogLine | undefined, cursor: LogCursor, index: number): void => {
    if (line !== undefined) insert(heads, { line, cursor, index });
  };
  for (const [index, cursor] of cursors.entries()) put(await nextLine(cursor, signal), cursor, index);
  let given = 0;
  for (let head = heads.shift(); head !== undefined; head = heads.shift()) {
    yield head.line;
    given += 1;
    if (given % LINES_AT_ONCE === 0) {
      await breathe();
      if (signal?.aborted === true) return;
    }
    put(head.cursor.take() ?? await nextLine(head.cursor, signal), head.cursor, head.index);
  }
}

/** Reads on until there is a line, or the end; not beyond the first piece once nobody wants it any more. */
async function nextLine(cursor: LogCursor, signal: AbortSignal | undefined): Promise<LogLine | undefined> {
  while (await cursor.fill()) {
    const line = cursor.take();
    if (line !== undefined) return line;
    if (signal?.aborted === true) return undefined;
  }
  return undefined;
}

function insert(heads: Head[], head: Head): void {
  let low = 0;
  let high = heads.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const other = heads[middle];
    if (other !== undefined && comesBefore(other, head)) low = middle + 1;
    else high = middle;
  }
  heads.splice(low, 0, head);
}

function comesBefore(a: Head, b: Head): boolean {
  return a.line.at < b.line.at || (a.line.at === b.line.at && a.index < b.index);
}

/** The last lines of one instance, for an error message. */
export async function lastLines(source: LogSource, count: number): Promise<readonly string[]> {
  const lines: LogLine[] = [];
  for (const file of [source.file, rotated(source.file, 1)]) {
    if (lines.length < count) lines.unshift(...await tail(source, file));
  }
  return lines.slice(-count).map((line) => line.text);
}

async function tail(source: LogSource, file: string): Promise<readonly LogLine[]> {
  const facts = await stat(file).catch(() => undefined);
  if (facts === undefined) return [];
  const cursor = new LogCursor({ ...source, file }, [{ inode: facts.ino, start: Math.max(0, facts.size - TAIL_BYTES), end: facts.size }], '');
  const lines: LogLine[] = [];
  try {
    while (await cursor.fill()) for (let line = cursor.take(); line !== undefined; line = cursor.take()) lines.push(line);
    return lines;
  } finally {
    await cursor.close();
  }
}
