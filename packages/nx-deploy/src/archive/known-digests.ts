/**
 * What files were when they were last hashed, as git keeps it in its index (gitformat-index(5), and "racy git" for what is too young): a file whose size, times and identity are
 * the same has the same content, and need not be read again.
 */
import { createHash, randomUUID } from 'node:crypto';
import type { Stats } from 'node:fs';
import { mkdir, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { SourceContent } from './source-file.js';

export interface KnownDigests {
  /** `path` is relative to the folder that the digests are of; `stat` is of the file itself, not of what a link leads to. */
  find(path: string, stat: Stats): SourceContent | undefined;
  /** `stat` from before the file was read, and known to be the same after it. */
  keep(path: string, stat: Stats, content: SourceContent): void;
  /** What was neither found nor kept is forgotten. Never rejects: the digests are a convenience. */
  save(): Promise<void>;
}

type Row = readonly [size: number, mtimeMs: number, ctimeMs: number, ino: number, dev: number, mode: number, sha256: string];

const VERSION = 1;
/** The coarsest clock of a file system that is in use (FAT): younger files may be written again without a trace. */
export const TICK_MS = 2_000;

/**
 * @param folder where the digests are kept, one file for each `root`; made when it is missing
 * @param now ms since 1970
 */
export async function openKnownDigests(folder: string, root: string, now: () => number = Date.now): Promise<KnownDigests> {
  const file = join(folder, `${createHash('sha256').update(root).digest('hex')}.json`);
  const opened = now();
  const old = await readRows(file, root);
  const rows = new Map<string, Row>();
  let fresh = 0;
  return {
    find: (path, stat) => {
      const row = old.get(path);
      if (row === undefined || !isOf(row, stat)) return undefined;
      rows.set(path, row);
      return { size: row[0], sha256: row[6], executable: (row[5] & 0o111) !== 0 };
    },
    keep: (path, stat, { sha256 }) => {
      if (Math.max(stat.mtimeMs, stat.ctimeMs) > opened - TICK_MS) return;
      rows.set(path, [stat.size, stat.mtimeMs, stat.ctimeMs, stat.ino, stat.dev, stat.mode, sha256]);
      fresh += 1;
    },
    save: async () => {
      if (fresh > 0 || rows.size !== old.size) await replace(file, JSON.stringify({ version: VERSION, root, files: [...rows] })).catch(() => undefined);
      // The time of its last use, by which it is pruned.
      else await utimes(file, new Date(), new Date()).catch(() => undefined);
    },
  };
}

function isOf([size, mtimeMs, ctimeMs, ino, dev, mode]: Row, stat: Stats): boolean {
  return stat.isFile() && stat.size === size && stat.mtimeMs === mtimeMs && stat.ctimeMs === ctimeMs && stat.ino === ino && stat.dev === dev && stat.mode === mode;
}

/** None when there are none, or they are damaged or of another version. */
async function readRows(file: string, root: string): Promise<ReadonlyMap<string, Row>> {
  try {
    const value = JSON.parse(await readFile(file, 'utf8')) as { version?: unknown; root?: unknown; files?: unknown };
    if (value.version !== VERSION || value.root !== root || !Array.isArray(value.files)) return new Map();
    return (value.files as unknown[]).every(isEntry) ? new Map(value.files as [string, Row][]) : new Map();
  } catch {
    return new Map();
  }
}

function isEntry(value: unknown): boolean {
  if (!Array.isArray(value) || typeof value[0] !== 'string' || !Array.isArray(value[1])) return false;
  const row = value[1] as unknown[];
  return row.length === 7 && row.slice(0, 6).every((part) => typeof part === 'number') && typeof row[6] === 'string' && /^[0-9a-f]{64}$/.test(row[6]);
}

async function replace(file: string, text: string): Promise<void> {
  const temporary = `${file}.${randomUUID()}.tmp`;
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    await writeFile(temporary, text, { flag: 'wx', mode: 0o600 });
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
