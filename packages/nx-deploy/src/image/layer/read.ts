/**
 * Reads the tar that header.ts writes, and no other: each header is written again from what was read in it, and has to have the same bytes. So nothing of it can be
 * changed unnoticed, and nothing be read in it that another reader reads otherwise (names twice, numbers in other bases, forms of old programs).
 */
import { Bytes } from './bytes.js';
import { BLOCK, END, header, padding, type Member } from './header.js';

/** What is wrong, and with which member where that is known. */
export type Refuse = (why: string, path?: string) => Error;

export type Visit = (member: Member, content: AsyncIterable<Buffer>) => Promise<void>;

const TYPES: Readonly<Record<string, Member['type']>> = { 0: 'file', 2: 'symlink', 5: 'directory' };
const FOREIGN: Readonly<Record<string, string>> = { 1: 'a hard link', 3: 'a device', 4: 'a device', 6: 'a named pipe', 7: 'a contiguous file' };
/** More than the longest path in its records, and the longest target. */
const LONGEST_RECORDS = 16 * 1024;

/** Calls `visit` for each member in turn; it need not read the content to its end. Everything has the same modification time, which is the result (s since 1970). */
export async function readTar(tar: AsyncIterable<Buffer>, refuse: Refuse, visit: Visit): Promise<number | undefined> {
  const bytes = new Bytes(tar, () => refuse('it ends too early'));
  let time: number | undefined;
  for (;;) {
    const raw = await headOf(bytes, refuse);
    if (raw === undefined) break;
    const { member, mtime } = parse(raw, refuse);
    time ??= mtime;
    if (!header(member, time).equals(Buffer.concat([...raw.records === undefined ? [] : [raw.records.bytes], raw.block]))) throw refuse('its header is written in another way than that of this program', member.path);
    await visited(bytes, member, visit);
    if (!(bytes.now(padding(member.size)) ?? await bytes.take(padding(member.size))).equals(END.subarray(0, padding(member.size)))) throw refuse('something is written behind its content', member.path);
  }
  if (!(await bytes.take(BLOCK)).equals(END.subarray(0, BLOCK))) throw refuse('it has no end');
  if (await bytes.rest() > 0) throw refuse('something follows its end');
  return time;
}

/** A small file is mostly here already, and handed over in one piece. */
async function visited(bytes: Bytes, member: Member, visit: Visit): Promise<void> {
  const whole = bytes.now(member.size);
  if (whole !== undefined) return visit(member, inOnePiece(whole));
  let left = member.size;
  await visit(member, counted(bytes.pieces(member.size), (count) => { left -= count; }));
  if (left > 0) for await (const piece of bytes.pieces(left)) left -= piece.length;
}

interface Raw {
  readonly records?: { readonly bytes: Buffer; readonly content: Buffer };
  readonly block: Buffer;
}

/** A header with the records in front of it; undefined for the first of the blocks that end the archive. */
async function headOf(bytes: Bytes, refuse: Refuse): Promise<Raw | undefined> {
  const block = bytes.now(BLOCK) ?? await bytes.take(BLOCK);
  if (block.every((byte) => byte === 0)) return undefined;
  if (typeOf(block) !== 'x') return { block };
  const size = sizeOf(block);
  if (!(size <= LONGEST_RECORDS)) throw refuse('it has records that are longer than any name');
  const content = await bytes.take(size + padding(size));
  return { records: { bytes: Buffer.concat([block, content]), content: content.subarray(0, size) }, block: await bytes.take(BLOCK) };
}

function parse({ records, block }: Raw, refuse: Refuse): { readonly member: Member; readonly mtime: number } {
  const named = records === undefined ? {} : recordsIn(records.content);
  const prefix = text(block, 345, 155);
  const spelled = named['path'] ?? (prefix === '' ? text(block, 0, 100) : `${prefix}/${text(block, 0, 100)}`);
  const type = TYPES[typeOf(block)];
  if (type === undefined) throw refuse(`it is ${FOREIGN[typeOf(block)] ?? 'of a kind that no package has'}`, spelled);
  const size = named['size'] === undefined ? sizeOf(block) : Number(named['size']);
  const mtime = octal(block, 136, 12);
  if (!Number.isSafeInteger(size) || size < 0 || !Number.isSafeInteger(mtime) || (type !== 'file' && size > 0)) throw refuse('its header cannot be read', spelled);
  const path = type === 'directory' ? spelled.replace(/\/$/, '') : spelled;
  const target = type === 'symlink' ? { target: named['linkpath'] ?? text(block, 157, 100) } : {};
  return { member: { path, type, mode: octal(block, 100, 8), size, ...target }, mtime };
}

function text(block: Buffer, from: number, length: number): string {
  return block.toString('latin1', from, from + length).split('\0')[0] ?? '';
}

function typeOf(block: Buffer): string {
  return block.toString('latin1', 156, 157);
}

function octal(block: Buffer, from: number, length: number): number {
  const digits = text(block, from, length);
  return /^[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number.NaN;
}

function sizeOf(block: Buffer): number {
  return octal(block, 124, 12);
}

/** `<length> <key>=<value>\n`, the length in bytes (pax(1), "pax Extended Header"). What cannot be read is missing, and the header then differs. */
function recordsIn(content: Buffer): Readonly<Record<string, string>> {
  const records: [string, string][] = [];
  for (let at = 0; at < content.length;) {
    const blank = content.indexOf(' ', at);
    const end = at + Number(content.toString('latin1', at, blank));
    if (blank < 0 || !(end > blank && end <= content.length)) break;
    const [key = '', ...value] = content.toString('utf8', blank + 1, end - 1).split('=');
    records.push([key, value.join('=')]);
    at = end;
  }
  return Object.fromEntries(records);
}

async function *counted(pieces: AsyncIterable<Buffer>, count: (bytes: number) => void): AsyncGenerator<Buffer> {
  for await (const piece of pieces) {
    count(piece.length);
    yield piece;
  }
}

async function *inOnePiece(bytes: Buffer): AsyncGenerator<Buffer> {
  if (bytes.length > 0) yield bytes;
}
