/** Append-only, hash-chained record of what was deployed: one JSON object a line, in segments of a thousand entries. */
import { createHash } from 'node:crypto';
import { mkdir, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DeployError } from '../errors.js';
import { canonicalJson } from '../model/index.js';
import { isMissing, PRIVATE_FILE, PRIVATE_FOLDER, readIfThere, syncFolder } from './atomic-file.js';
import { STATE_SCHEMA, type Ledger, type LedgerBody, type LedgerEntry, type LedgerVerdict } from './state-store.js';

export const GENESIS = '0'.repeat(64);
const SEGMENT_ENTRIES = 1_000;

/** SHA-256 over the previous hash and the canonical JSON of the entry without its own hash. */
export function entryHash(entry: Omit<LedgerEntry, 'hash'>): string {
  return createHash('sha256').update(entry.prev).update(canonicalJson(entry)).digest('hex');
}

interface Line {
  readonly where: string;
  readonly text: string;
  /** It has its line feed. */
  readonly whole: boolean;
}

/** `segmentEntries` is a property of the ledger: another number for a folder that has entries breaks its chain. */
export function fileLedger(folder: string, segmentEntries = SEGMENT_ENTRIES): Ledger {
  return {
    append: (body) => append(folder, body, segmentEntries),
    entries: () => read(folder),
    verify: () => verify(folder),
  };
}

async function append(folder: string, body: LedgerBody, segmentEntries: number): Promise<LedgerEntry> {
  const { last, torn } = await end(folder);
  const rest = { ...body, schema: STATE_SCHEMA, seq: (last?.seq ?? 0) + 1, prev: last?.hash ?? GENESIS } as const;
  const entry: LedgerEntry = { ...rest, hash: entryHash(rest) };
  await mkdir(folder, { recursive: true, mode: PRIVATE_FOLDER });
  const file = join(folder, segmentName(rest.seq, segmentEntries));
  const handle = await open(file, 'a', PRIVATE_FILE);
  try {
    // A line that a crash cut short is ended, so that it stays visible and the chain goes on behind it.
    await handle.writeFile(`${torn ? '\n' : ''}${JSON.stringify(entry)}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await syncFolder(folder);
  return entry;
}

function segmentName(seq: number, segmentEntries: number): string {
  return `${String(Math.floor((seq - 1) / segmentEntries) + 1).padStart(6, '0')}.jsonl`;
}

/** Paths of the segments, oldest first. */
async function segments(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (isMissing(error)) return [];
    throw error;
  });
  return names.filter((name) => name.endsWith('.jsonl')).sort().map((name) => join(folder, name));
}

async function linesOf(file: string): Promise<{ readonly lines: readonly Line[]; readonly torn: boolean }> {
  const parts = (await readIfThere(file) ?? '').split('\n');
  const rest = parts.at(-1) ?? '';
  const lines = parts.flatMap((text, index) => (text === '' ? [] : [{ where: `${file}:${index + 1}`, text, whole: index < parts.length - 1 }]));
  return { lines, torn: rest !== '' };
}

async function lines(folder: string): Promise<readonly Line[]> {
  const found: Line[] = [];
  for (const file of await segments(folder)) found.push(...(await linesOf(file)).lines);
  return found;
}

/** The entries that can be read; a line that a crash cut short is passed over here and named by {@link Ledger.verify}. */
async function read(folder: string): Promise<readonly LedgerEntry[]> {
  return (await lines(folder)).flatMap((line) => parseEntry(line) ?? []);
}

/** The newest entry, and whether the newest segment ends within a line. Reads one segment, unless the newest holds no entry yet. */
async function end(folder: string): Promise<{ readonly last?: LedgerEntry; readonly torn: boolean }> {
  let torn: boolean | undefined;
  for (const file of [...await segments(folder)].reverse()) {
    const found = await linesOf(file);
    torn ??= found.torn;
    for (const line of [...found.lines].reverse()) {
      const last = parseEntry(line);
      if (last !== undefined) return { last, torn };
    }
  }
  return { torn: torn ?? false };
}

function parseEntry(line: Line): LedgerEntry | undefined {
  let value: LedgerEntry;
  try {
    value = JSON.parse(line.text) as LedgerEntry;
  } catch {
    return undefined;
  }
  if (value === null || typeof value !== 'object' || typeof value.seq !== 'number' || typeof value.hash !== 'string') return undefined;
  if (value.schema > STATE_SCHEMA) {
    throw new DeployError('ND-STATE-NEWER', { what: 'the ledger was written by a newer version', where: line.where, next: 'use the newer nx-deploy for this target' });
  }
  return value;
}

async function verify(folder: string): Promise<LedgerVerdict> {
  let prev = GENESIS;
  let count = 0;
  for (const line of await lines(folder)) {
    const entry = parseEntry(line);
    const broken = entry === undefined ? 'the line is not an entry' : fault(line, entry, prev, count + 1);
    if (entry === undefined || broken !== undefined) return { ok: false, entries: count, head: prev, broken: `${line.where}: ${broken ?? ''}` };
    prev = entry.hash;
    count += 1;
  }
  return { ok: true, entries: count, head: prev };
}

function fault(line: Line, entry: LedgerEntry, prev: string, seq: number): string | undefined {
  const { hash, ...rest } = entry;
  if (entry.seq !== seq) return `entry ${seq} is missing or out of order (found ${entry.seq})`;
  if (entry.prev !== prev) return 'it does not follow the entry before it';
  // The text as well: spaces, or a line feed that is gone, leave the hash of the content as it was.
  return entryHash(rest) === hash && line.text === JSON.stringify(entry) && line.whole ? undefined : 'its content was changed after it was written';
}
