/** Reads and follows the log files that shims write. */
import { open, readdir, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LogLine, LogOptions } from '../model/index.js';
import { isMissing } from '../releases/index.js';
import { LOG_MAX_FILES, rotated } from './log-file.js';

const POLL_MS = 200;
const TAIL_BYTES = 256 * 1024;
const CHUNK_BYTES = 256 * 1024;
const LINE_FEED = 10;

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

/** All stored lines in the order of their time, then, with `follow`, new ones until the signal aborts. A line still being written waits for its end. */
export async function* readLogs(folder: string, release: string | undefined, options: LogOptions): AsyncIterable<LogLine> {
  const positions = new Map<string, Position>();
  const since = options.since === undefined ? '' : normalTime(options.since);
  const over = (): boolean => options.follow !== true || options.signal?.aborted === true;
  for (;;) {
    const found: LogLine[] = [];
    for (const source of await logSources(folder, release, options.instance)) {
      const news = await fresh(source, positions.get(source.file), since);
      positions.set(source.file, news.position);
      for (const line of news.lines) found.push(line);
    }
    yield* found.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
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

/** Up to where a source was read: the file, whatever its name is by now, and the byte in it. */
interface Position {
  readonly inode: number;
  readonly offset: number;
}

interface News {
  readonly lines: readonly LogLine[];
  readonly position: Position;
}

/** What came after a position, also when the files were rotated since; without a position, all there is. */
async function fresh(source: LogSource, before: Position | undefined, since: string): Promise<News> {
  const files = await openNewer(source.file, before?.inode);
  const lines: LogLine[] = [];
  let position = before ?? { inode: 0, offset: 0 };
  try {
    for (const { inode, handle } of files) {
      const start = inode === before?.inode ? before.offset : 0;
      const news = await readFrom(source, handle, start, since);
      for (const line of news.lines) lines.push(line);
      position = { inode, offset: news.offset };
    }
  } finally {
    await Promise.all(files.map(({ handle }) => handle.close()));
  }
  return { lines, position };
}

interface OpenFile {
  readonly inode: number;
  readonly handle: FileHandle;
}

/**
 * The files of a log from `inode` on, oldest first; all when none has it. They are opened newest first: a rotation meanwhile then shows a file twice,
 * never not at all.
 */
async function openNewer(file: string, inode: number | undefined): Promise<readonly OpenFile[]> {
  const opened: OpenFile[] = [];
  for (const path of [file, ...Array.from({ length: LOG_MAX_FILES }, (_, index) => rotated(file, index + 1))]) {
    const handle = await open(path, 'r').catch(() => undefined);
    if (handle === undefined) continue;
    const { ino } = await handle.stat();
    if (opened.some((other) => other.inode === ino)) await handle.close();
    else opened.unshift({ inode: ino, handle });
    if (ino === inode) break;
  }
  return opened;
}

/** Whole lines from a byte on, and where the last of them ends. */
async function readFrom(source: LogSource, handle: FileHandle, start: number, since: string): Promise<{ readonly lines: readonly LogLine[]; readonly offset: number }> {
  const lines: LogLine[] = [];
  const chunk = Buffer.alloc(CHUNK_BYTES);
  let rest = Buffer.alloc(0);
  let offset = start;
  for (;;) {
    const { bytesRead } = await handle.read(chunk, 0, chunk.length, offset + rest.length);
    if (bytesRead === 0) return { lines, offset };
    const read = Buffer.concat([rest, chunk.subarray(0, bytesRead)]);
    const end = read.lastIndexOf(LINE_FEED) + 1;
    for (const text of read.subarray(0, end).toString('utf8').split('\n')) {
      const line = parseLine(source, text);
      if (line !== undefined && line.at >= since) lines.push(line);
    }
    offset += end;
    rest = read.subarray(end);
  }
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
  const handle = await open(file, 'r').catch(() => undefined);
  if (handle === undefined) return [];
  try {
    return (await readFrom(source, handle, Math.max(0, (await handle.stat()).size - TAIL_BYTES), '')).lines;
  } finally {
    await handle.close();
  }
}
