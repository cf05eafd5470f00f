/** Reads and follows the log files that shims write. */
import { open, readdir, stat } from 'node:fs/promises';
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LogLine, LogOptions } from '../model/index.js';
import { isMissing } from '../releases/index.js';
import { LOG_MAX_FILES, rotated } from './log-file.js';

const POLL_MS = 200;
const TAIL_BYTES = 256 * 1024;

/** Folder layout: `<folder>/<release>/<instance>.log`. */
export interface LogSource {
  readonly release: string;
  readonly instance: string;
  readonly file: string;
}

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

export function parseLine(source: LogSource, line: string): LogLine | undefined {
  const match = /^(\S+) ([oe]) (.*)$/s.exec(line);
  if (match === null) return undefined;
  return { at: match[1] ?? '', release: source.release, instance: source.instance, stream: match[2] === 'o' ? 'out' : 'err', text: match[3] ?? '' };
}

/** All stored lines in the order of their time, then, with `follow`, new ones until the signal aborts. */
export async function* readLogs(folder: string, release: string | undefined, options: LogOptions): AsyncIterable<LogLine> {
  const offsets = new Map<string, Position>();
  const stored: LogLine[] = [];
  for (const source of await logSources(folder, release, options.instance)) {
    for (const file of await oldestFirst(source.file)) stored.push(...await collect(source, file, options.since));
    offsets.set(source.file, await position(source.file));
  }
  stored.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
  yield* stored;
  while (options.follow === true && options.signal?.aborted !== true) {
    await sleep(POLL_MS, undefined, options.signal === undefined ? {} : { signal: options.signal }).catch(() => undefined);
    for (const source of await logSources(folder, release, options.instance)) yield* fresh(source, offsets);
  }
}

interface Position {
  readonly inode: number;
  readonly offset: number;
}

async function position(file: string): Promise<Position> {
  return stat(file).then((stats) => ({ inode: stats.ino, offset: stats.size }), () => ({ inode: 0, offset: 0 }));
}

async function* fresh(source: LogSource, offsets: Map<string, Position>): AsyncIterable<LogLine> {
  const before = offsets.get(source.file) ?? { inode: 0, offset: 0 };
  const now = await position(source.file);
  if (now.inode !== before.inode && before.inode !== 0) {
    // Rotated since the last look: the rest of the former file is beside it.
    yield* (await tailFrom(source, rotated(source.file, 1), before.offset)).lines;
  }
  const start = now.inode === before.inode ? before.offset : 0;
  const tail = await tailFrom(source, source.file, start);
  offsets.set(source.file, { inode: now.inode, offset: start + tail.read });
  yield* tail.lines;
}

/** Whole lines from an offset on; a line still being written waits for the next look. */
async function tailFrom(source: LogSource, file: string, offset: number): Promise<{ readonly lines: readonly LogLine[]; readonly read: number }> {
  const handle = await open(file, 'r').catch(() => undefined);
  if (handle === undefined) return { lines: [], read: 0 };
  try {
    const size = Math.max(0, Math.min((await handle.stat()).size - offset, 8 * 1024 * 1024));
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(size), 0, size, offset);
    const end = buffer.subarray(0, bytesRead).lastIndexOf(10) + 1;
    const lines = buffer.subarray(0, end).toString('utf8').split('\n').flatMap((line) => parseLine(source, line) ?? []);
    return { lines, read: end };
  } finally {
    await handle.close();
  }
}

async function oldestFirst(file: string): Promise<readonly string[]> {
  const candidates = [...Array.from({ length: LOG_MAX_FILES }, (_, index) => rotated(file, LOG_MAX_FILES - index)), file];
  const there = await Promise.all(candidates.map((name) => stat(name).then(() => true, () => false)));
  return candidates.filter((_, index) => there[index]);
}

async function collect(source: LogSource, file: string, since: string | undefined): Promise<readonly LogLine[]> {
  const found: LogLine[] = [];
  for await (const line of createInterface({ input: createReadStream(file, 'utf8'), crlfDelay: Infinity })) {
    const parsed = parseLine(source, line);
    if (parsed !== undefined && (since === undefined || parsed.at >= since)) found.push(parsed);
  }
  return found;
}

/** The last lines of one instance, for an error message. */
export async function lastLines(source: LogSource, count: number): Promise<readonly string[]> {
  const size = await stat(source.file).then((stats) => stats.size, () => 0);
  const { lines } = await tailFrom(source, source.file, Math.max(0, size - TAIL_BYTES));
  return lines.slice(-count).map((line) => line.text);
}
