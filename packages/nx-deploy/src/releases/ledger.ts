/** Append-only, hash-chained record of what was deployed: one JSON object a line, in segments of a thousand entries. */
import { createHash } from 'node:crypto';
import { asDeployError, DeployError, errorCode } from '../errors.js';
import { canonicalJson } from '../model/index.js';
import { HEAD_FILE, readHead, writeHead, type LedgerHead } from './ledger-head.js';
import { nodeFiles } from './node-files.js';
import type { StateFiles } from './state-files.js';
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
  readonly path: string;
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

export function fileLedger(folder: string, options: LedgerOptions = {}): Ledger {
  return ledgerIn(nodeFiles(folder), options);
}

/** @param files of the ledger alone */
export function ledgerIn(files: StateFiles, { segmentEntries = SEGMENT_ENTRIES, written = () => false }: LedgerOptions = {}): Ledger {
  return {
    append: (body) => append(files, body, { segmentEntries, written }),
    entries: () => read(files),
    verify: () => verify(files, written),
  };
}

/** Rejects with ND-DISK-FULL when there is no room; the ledger is then as it was. */
async function append(files: StateFiles, body: LedgerBody, { segmentEntries, written }: Required<LedgerOptions>): Promise<LedgerEntry> {
  const { last, unended } = await end(files);
  const head = await headIfWhole(files);
  // Behind entries that were lost the numbers go on, so that the gap stays in sight.
  const before = head !== undefined && head.seq > (last?.seq ?? 0) ? head : last;
  // How many there were is not known when all are gone: number 1 stays free, and shows it.
  const former = before?.seq ?? (written() ? 1 : 0);
  const rest = { ...body, schema: STATE_SCHEMA, seq: former + 1, prev: before?.hash ?? GENESIS } as const;
  const entry: LedgerEntry = { ...rest, hash: entryHash(rest) };
  if (unended !== undefined) await endLine(files, unended);
  await files.append(segmentName(rest.seq, segmentEntries), `${JSON.stringify(entry)}\n`);
  await writeHead(files, entry);
  return entry;
}

/** A head that is damaged is no reason to stop: the next one takes its place. */
async function headIfWhole(files: StateFiles): Promise<LedgerHead | undefined> {
  return readHead(files).catch((error: unknown) => {
    if (errorCode(error) !== 'ND-STATE-DAMAGED') throw error;
    return undefined;
  });
}

/** A beginning of an entry, which a crash cut short, is taken away. Whatever else lacks its line feed gets one, and stays in sight. */
async function endLine(files: StateFiles, { path, text, bytes }: OpenLine): Promise<void> {
  await (isBeginning(text) ? files.truncate(path, bytes) : files.append(path, '\n'));
}

function segmentName(seq: number, segmentEntries: number): string {
  return `${String(Math.floor((seq - 1) / segmentEntries) + 1).padStart(6, '0')}.jsonl`;
}

/** Paths of the segments, oldest first. */
async function segments(files: StateFiles): Promise<readonly string[]> {
  return (await files.names('')).filter((name) => name.endsWith('.jsonl')).sort();
}

function linesOf(content: Buffer, where: string): readonly Line[] {
  const parts = content.toString('utf8').split('\n');
  return parts.flatMap((text, index) => (text === '' ? [] : [{ where: `${where}:${index + 1}`, text, whole: index < parts.length - 1 }]));
}

async function contentOf(files: StateFiles, path: string): Promise<Buffer> {
  return await files.read(path) ?? Buffer.alloc(0);
}

async function lines(files: StateFiles): Promise<readonly Line[]> {
  const found: Line[] = [];
  for (const path of await segments(files)) found.push(...linesOf(await contentOf(files, path), files.where(path)));
  return found;
}

/** The entries that can be read; what is none is passed over here and named by {@link Ledger.verify}. */
async function read(files: StateFiles): Promise<readonly LedgerEntry[]> {
  return (await lines(files)).flatMap((line) => parseEntry(line) ?? []);
}

/** The newest entry, and what the newest segment has behind its last line feed. Reads one segment, unless the newest holds no entry yet. */
async function end(files: StateFiles): Promise<{ readonly last?: LedgerEntry; readonly unended: OpenLine | undefined }> {
  let unended: OpenLine | undefined;
  for (const [index, path] of [...await segments(files)].reverse().entries()) {
    const content = await contentOf(files, path);
    if (index === 0) unended = openLine(path, content);
    for (const line of [...linesOf(content, files.where(path))].reverse()) {
      const last = parseEntry(line);
      if (last !== undefined) return { last, unended };
    }
  }
  return { unended };
}

function openLine(path: string, content: Buffer): OpenLine | undefined {
  const bytes = content.lastIndexOf(LINE_FEED) + 1;
  return bytes === content.length ? undefined : { path, text: content.toString('utf8', bytes), bytes };
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

async function verify(files: StateFiles, written: () => boolean): Promise<LedgerVerdict> {
  const all = await lines(files);
  const chain = verifyChain(all);
  if (!chain.ok) return chain;
  try {
    const head = await readHead(files);
    const broken = head === undefined ? lost(files, chain, written) : cutOff(files, head, chain, all);
    return broken === undefined ? chain : { ok: false, entries: chain.entries, head: chain.head, broken };
  } catch (error) {
    if (errorCode(error) !== 'ND-STATE-DAMAGED') throw error;
    return { ok: false, entries: chain.entries, head: chain.head, broken: `${files.where(HEAD_FILE)}: ${asDeployError(error).message}` };
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
function lost(files: StateFiles, { entries }: LedgerVerdict, written: () => boolean): string | undefined {
  return entries > 0 || !written() ? undefined
    : `${files.where('')}: all of its entries are gone, for a change of this service has at least one; restore the folder from a backup, or go on: what is recorded from now on stands behind the gap`;
}

/** What the head knows and the chain, whole as it is, does not have. */
function cutOff(files: StateFiles, head: LedgerHead, { entries }: LedgerVerdict, all: readonly Line[]): string | undefined {
  if (head.seq > entries) {
    const newest = all.at(-1)?.where.replace(/:\d+$/, '') ?? files.where(segmentName(entries + 1, SEGMENT_ENTRIES));
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
