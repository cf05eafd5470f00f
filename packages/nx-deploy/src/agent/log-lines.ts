/** The lines of one log, through its rotated files, read a piece at a time. */
import { open, stat, type FileHandle } from 'node:fs/promises';
import type { LogLine, Ms } from '../model/index.js';
import { isMissing } from '../releases/index.js';
import { LOG_MAX_FILES, rotated } from './log-file.js';

/** Bytes read at once. As many are held for each log that is being read. */
const PIECE = 64 * 1024;
/** Bytes that surely hold the last line of a log. */
const LAST_LINE = 128 * 1024;
/** A file's time comes from a coarser clock than the lines in it. */
const CLOCK_SLACK: Ms = 1_000;
const LINE_FEED = 10;
const NOTHING = Buffer.alloc(0);

/** Folder layout: `<folder>/<release>/<instance>.log`. */
export interface LogSource {
  readonly release: string;
  readonly instance: string;
  readonly file: string;
}

/** Up to where a log was read: the file, whatever its name is by now, and the byte in it. */
export interface Position {
  readonly inode: number;
  readonly offset: number;
}

/** Bytes of a file that are to be read, whatever comes to them meanwhile. */
export interface Stretch {
  readonly inode: number;
  readonly start: number;
  readonly end: number;
}

export function parseLine(source: LogSource, line: string): LogLine | undefined {
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) ([oe]) (.*)$/s.exec(line);
  if (match === null) return undefined;
  return { at: match[1] ?? '', release: source.release, instance: source.instance, stream: match[2] === 'o' ? 'out' : 'err', text: match[3] ?? '' };
}

/** What is written after a position, also when the files were rotated since; without a position, all there is. Oldest first. */
export async function stretches(file: string, before: Position | undefined, since: string): Promise<readonly Stretch[]> {
  // Not a number without a time, and then no file is too old.
  const oldest = Date.parse(since) - CLOCK_SLACK;
  const found = await newerFiles(file, before?.inode);
  return found.flatMap(({ inode, size, changed }, index) => {
    const start = inode === before?.inode ? before.offset : 0;
    const tooOld = changed < oldest;
    // In the newest the reading goes on once there is more, from a line's beginning: so its end is read in any case.
    if (tooOld && index < found.length - 1) return [];
    return [{ inode, start: tooOld ? Math.max(start, size - LAST_LINE) : start, end: size }];
  });
}

interface FoundFile {
  readonly inode: number;
  readonly size: number;
  readonly changed: Ms;
}

/**
 * The files of a log from `inode` on, oldest first; all when none has it. They are looked at newest first: a rotation meanwhile then shows a file twice,
 * never not at all.
 */
async function newerFiles(file: string, inode: number | undefined): Promise<readonly FoundFile[]> {
  const found: FoundFile[] = [];
  for (const path of names(file)) {
    const facts = await unlessMissing(stat(path));
    if (facts === undefined) continue;
    if (!found.some((other) => other.inode === facts.ino)) found.unshift({ inode: facts.ino, size: facts.size, changed: facts.mtimeMs });
    if (facts.ino === inode) break;
  }
  return found;
}

function names(file: string): readonly string[] {
  return [file, ...Array.from({ length: LOG_MAX_FILES }, (_, index) => rotated(file, index + 1))];
}

/** That file under the name it has by now; undefined when a rotation has removed it. */
async function openInode(file: string, inode: number): Promise<FileHandle | undefined> {
  for (const path of names(file)) {
    const handle = await unlessMissing(open(path, 'r'));
    if (handle === undefined) continue;
    if ((await handle.stat()).ino === inode) return handle;
    await handle.close();
  }
  return undefined;
}

async function unlessMissing<T>(work: Promise<T>): Promise<T | undefined> {
  return work.catch((error: unknown) => {
    if (isMissing(error)) return undefined;
    throw error;
  });
}

/** Goes through the stretches of a log line by line. Holds one file open, while it has not been read to its end, and one piece of it in memory. */
export class LogCursor {
  private readonly left: Stretch[];
  /** The first of `left` was begun. */
  private begun = false;
  private handle: FileHandle | undefined;
  private piece: Buffer = NOTHING;
  /** Where the next line begins: byte of the piece. */
  private next = 0;
  /** Byte of the file at which the piece begins. */
  private base = 0;
  private done: Position | undefined;

  constructor(readonly source: LogSource, parts: readonly Stretch[], private readonly since: string) {
    this.left = [...parts];
  }

  /** Behind the last whole line of the last stretch that was read to its end. */
  get position(): Position | undefined {
    return this.done;
  }

  /** The next line of what is in memory; what is no record, or too old, is passed over. */
  take(): LogLine | undefined {
    for (let end = this.piece.indexOf(LINE_FEED, this.next); end >= 0; end = this.piece.indexOf(LINE_FEED, this.next)) {
      const line = parseLine(this.source, this.piece.toString('utf8', this.next, end));
      this.next = end + 1;
      if (line !== undefined && line.at >= this.since) return line;
    }
    return undefined;
  }

  /** Reads the next piece; false when there is none. */
  async fill(): Promise<boolean> {
    for (let stretch = this.left[0]; stretch !== undefined; stretch = this.left[0]) {
      const rest = this.piece.subarray(this.next);
      this.base = this.begun ? this.base + this.next : stretch.start;
      this.begun = true;
      const chunk = await this.read(stretch, this.base + rest.length);
      this.next = 0;
      this.piece = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      if (chunk.length > 0) return true;
      // What is left is a line without its end: it is read again once it has one.
      this.done = { inode: stretch.inode, offset: this.base };
      this.piece = NOTHING;
      this.left.shift();
      this.begun = false;
      await this.close();
    }
    return false;
  }

  private async read({ inode, end }: Stretch, from: number): Promise<Buffer> {
    const wanted = Math.min(PIECE, end - from);
    if (wanted <= 0) return NOTHING;
    this.handle ??= await openInode(this.source.file, inode);
    if (this.handle === undefined) return NOTHING;
    const chunk = Buffer.allocUnsafe(wanted);
    const { bytesRead } = await this.handle.read(chunk, 0, wanted, from);
    if (from + bytesRead >= end) await this.close();
    return chunk.subarray(0, bytesRead);
  }

  /** Gives the file back; to be called when the reading ends before its end. */
  async close(): Promise<void> {
    const { handle } = this;
    this.handle = undefined;
    await handle?.close();
  }
}
