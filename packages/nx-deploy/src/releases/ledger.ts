/** Append-only, hash-chained record of what was deployed: one JSON object a line, in segments of a thousand entries. */
import { createHash } from 'node:crypto';
import { mkdir, open, readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { asDeployError, DeployError, errorCode } from '../errors.js';
import { canonicalJson } from '../model/index.js';
import { isMissing, PRIVATE_FILE, PRIVATE_FOLDER, readError, readIfThere, syncFolder, writeError } from './atomic-file.js';
import { headFile, readHead, writeHead, type LedgerHead } from './ledger-head.js';
import { STATE_SCHEMA, type Ledger, type LedgerBody, type LedgerEntry, type LedgerVerdict } from './state-store.js';

export const GENESIS = '0'.repeat(64);
const SEGMENT_ENTRIES = 1_000;
const LINE_FEED = 10;

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

/** What stands behind the last line feed of a segment. */
interface OpenLine {
  readonly file: string;
  readonly text: string;
  /** Of the segment up to that line feed. */
  readonly bytes: number;
}

export interface LedgerOptions {
  /** A property of the ledger: another number for a folder that has entries breaks its chain. */
  readonly segmentEntries?: number;
  /** Does anything else show that entries were written? A folder without any is then one that was lost. */
  readonly written?: () => boolean;
}

export function fileLedger(folder: string, { segmentEntries = SEGMENT_ENTRIES, written = () => false }: LedgerOptions = {}): Ledger {
  return {
    append: (body) => append(folder, body, { segmentEntries, written }),
    entries: () => read(folder),
    verify: () => verify(folder, written),
  };
}

/** Rejects with ND-DISK-FULL when there is no room; the ledger is then as it was. */
async function append(folder: string, body: LedgerBody, { segmentEntries, written }: Required<LedgerOptions>): Promise<LedgerEntry> {
  const { last, unended } = await end(folder);
  const head = await headIfWhole(folder);
  // Behind entries that were lost the numbers go on, so that the gap stays in sight.
  const before = head !== undefined && head.seq > (last?.seq ?? 0) ? head : last;
  // How many there were is not known when all are gone: number 1 stays free, and shows it.
  const former = before?.seq ?? (written() ? 1 : 0);
  const rest = { ...body, schema: STATE_SCHEMA, seq: former + 1, prev: before?.hash ?? GENESIS } as const;
  const entry: LedgerEntry = { ...rest, hash: entryHash(rest) };
  const file = join(folder, segmentName(rest.seq, segmentEntries));
  try {
    await mkdir(folder, { recursive: true, mode: PRIVATE_FOLDER });
    if (unended !== undefined) await endLine(unended);
    await appendLine(file, `${JSON.stringify(entry)}\n`);
  } catch (error) {
    throw writeError(error, file);
  }
  await writeHead(folder, entry);
  return entry;
}

/** A head that is damaged is no reason to stop: the next one takes its place. */
async function headIfWhole(folder: string): Promise<LedgerHead | undefined> {
  return readHead(folder).catch((error: unknown) => {
    if (errorCode(error) !== 'ND-STATE-DAMAGED') throw error;
    return undefined;
  });
}

/** A beginning of an entry, which a crash cut short, is taken away. Whatever else lacks its line feed gets one, and stays in sight. */
async function endLine({ file, text, bytes }: OpenLine): Promise<void> {
  if (!isBeginning(text)) return appendLine(file, '\n');
  const handle = await open(file, 'r+');
  try {
    await handle.truncate(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** All of it, or nothing: a part that fitted on a full disk is taken away again. */
async function appendLine(file: string, text: string): Promise<void> {
  const handle = await open(file, 'a', PRIVATE_FILE);
  try {
    const { size } = await handle.stat();
    try {
      await handle.writeFile(text);
      await handle.sync();
      await syncFolder(dirname(file));
    } catch (error) {
      // If not even that is possible, the next entry does it.
      await handle.truncate(size).then(() => handle.sync()).catch(() => undefined);
      throw error;
    }
  } finally {
    await handle.close();
  }
}

function segmentName(seq: number, segmentEntries: number): string {
  return `${String(Math.floor((seq - 1) / segmentEntries) + 1).padStart(6, '0')}.jsonl`;
}

/** Paths of the segments, oldest first. */
async function segments(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (isMissing(error)) return [];
    throw readError(error, folder);
  });
  return names.filter((name) => name.endsWith('.jsonl')).sort().map((name) => join(folder, name));
}

async function linesOf(file: string): Promise<readonly Line[]> {
  const parts = (await readIfThere(file) ?? '').split('\n');
  return parts.flatMap((text, index) => (text === '' ? [] : [{ where: `${file}:${index + 1}`, text, whole: index < parts.length - 1 }]));
}

async function lines(folder: string): Promise<readonly Line[]> {
  const found: Line[] = [];
  for (const file of await segments(folder)) found.push(...await linesOf(file));
  return found;
}

/** The entries that can be read; what is none is passed over here and named by {@link Ledger.verify}. */
async function read(folder: string): Promise<readonly LedgerEntry[]> {
  return (await lines(folder)).flatMap((line) => parseEntry(line) ?? []);
}

/** The newest entry, and what the newest segment has behind its last line feed. Reads one segment, unless the newest holds no entry yet. */
async function end(folder: string): Promise<{ readonly last?: LedgerEntry; readonly unended: OpenLine | undefined }> {
  const files = [...await segments(folder)].reverse();
  const unended = files[0] === undefined ? undefined : await openLine(files[0]);
  for (const file of files) {
    for (const line of [...await linesOf(file)].reverse()) {
      const last = parseEntry(line);
      if (last !== undefined) return { last, unended };
    }
  }
  return { unended };
}

async function openLine(file: string): Promise<OpenLine | undefined> {
  const content = await readFile(file);
  const bytes = content.lastIndexOf(LINE_FEED) + 1;
  return bytes === content.length ? undefined : { file, text: content.toString('utf8', bytes), bytes };
}

/** Of an entry that was being written when its writer was killed. What holds a hash, the last field, was whole once. */
function isBeginning(text: string): boolean {
  return !/"hash":"[0-9a-f]{64}"\}/.test(text);
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

async function verify(folder: string, written: () => boolean): Promise<LedgerVerdict> {
  const all = await lines(folder);
  const chain = verifyChain(all);
  if (!chain.ok) return chain;
  try {
    const head = await readHead(folder);
    const broken = head === undefined ? lost(folder, chain, written) : cutOff(folder, head, chain, all);
    return broken === undefined ? chain : { ok: false, entries: chain.entries, head: chain.head, broken };
  } catch (error) {
    if (errorCode(error) !== 'ND-STATE-DAMAGED') throw error;
    return { ok: false, entries: chain.entries, head: chain.head, broken: `${headFile(folder)}: ${asDeployError(error).message}` };
  }
}

function verifyChain(all: readonly Line[]): LedgerVerdict {
  let prev = GENESIS;
  let count = 0;
  for (const [index, line] of all.entries()) {
    const entry = parseEntry(line);
    if (entry === undefined && !line.whole && index === all.length - 1 && isBeginning(line.text)) return { ok: true, entries: count, head: prev, torn: line.where };
    const broken = entry === undefined ? 'the line is not an entry' : fault(line, entry, prev, count + 1);
    if (entry === undefined || broken !== undefined) return { ok: false, entries: count, head: prev, broken: `${line.where}: ${broken ?? ''}` };
    prev = entry.hash;
    count += 1;
  }
  return { ok: true, entries: count, head: prev };
}

/** A ledger of which nothing is left has no head either that would tell. */
function lost(folder: string, { entries }: LedgerVerdict, written: () => boolean): string | undefined {
  return entries > 0 || !written() ? undefined
    : `${folder}: all of its entries are gone, for a change of this service has at least one; restore the folder from a backup, or go on: what is recorded from now on stands behind the gap`;
}

/** What the head knows and the chain, whole as it is, does not have. */
function cutOff(folder: string, head: LedgerHead, { entries }: LedgerVerdict, all: readonly Line[]): string | undefined {
  if (head.seq > entries) {
    const newest = all.at(-1)?.where.replace(/:\d+$/, '') ?? join(folder, segmentName(entries + 1, SEGMENT_ENTRIES));
    return `${newest}: its end was cut off, ${head.seq} entries were written and ${entries} are there`;
  }
  const line = all[head.seq - 1];
  return line === undefined || parseEntry(line)?.hash === head.hash ? undefined : `${line.where}: it is not the entry that was written`;
}

function fault(line: Line, entry: LedgerEntry, prev: string, seq: number): string | undefined {
  const { hash, ...rest } = entry;
  if (entry.seq !== seq) return `entry ${seq} is missing or out of order (found ${entry.seq})`;
  if (entry.prev !== prev) return 'it does not follow the entry before it';
  // The text as well: spaces, or a line feed that is gone, leave the hash of the content as it was.
  return entryHash(rest) === hash && line.text === JSON.stringify(entry) && line.whole ? undefined : 'its content was changed after it was written';
}
