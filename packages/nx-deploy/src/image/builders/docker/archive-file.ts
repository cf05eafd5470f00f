/**
 * Reads a tar archive in its place: headers alone (POSIX.1-2001, ustar and pax), and the content of a member when it is asked for. Nothing is unpacked, so that no name in
 * it can lead anywhere.
 */
import { createReadStream } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { posix } from 'node:path';
import { quoted } from '../../registry/plain.js';
import { badArchive } from './failures.js';

export interface ArchiveFile {
  has(name: string): boolean;
  /** The content of a small member. @throws DeployError ND-IMAGE-INVALID when it is not there or larger than `limit` bytes */
  read(name: string, limit: number): Promise<Buffer>;
  open(name: string): AsyncIterable<Buffer>;
}

interface Member {
  readonly type: 'file' | 'link';
  /** Of the content, in the archive. */
  readonly start: number;
  /** Bytes. */
  readonly size: number;
  readonly target: string;
}

interface Header extends Omit<Member, 'start' | 'type'> {
  readonly name: string;
  readonly flag: string;
}

const BLOCK = 512;
/** Far above any image. */
const MOST = 20_000;
const LARGEST_PAX = 64 * 1024;
/** Engines write a link for a layer that stands in the image twice. */
const MOST_LINKS = 3;
const CHUNK = 512 * 1024;

/** @throws DeployError ND-IMAGE-INVALID for what is no such archive. */
export async function openArchive(file: string): Promise<ArchiveFile> {
  const handle = await open(file, 'r');
  try {
    const members = await index(handle);
    const find = (name: string): Member => followed(members, name);
    const content = (name: string): AsyncIterable<Buffer> => {
      const { start, size } = find(name);
      return size === 0 ? empty() : createReadStream(file, { start, end: start + size - 1, highWaterMark: CHUNK });
    };
    return {
      has: (name) => members.has(name),
      open: content,
      read: async (name, limit) => {
        const { size } = find(name);
        if (size > limit) throw badArchive(`${quoted(name)} has more than ${limit} bytes`);
        const parts: Buffer[] = [];
        for await (const part of content(name)) parts.push(part);
        return Buffer.concat(parts);
      },
    };
  } finally {
    await handle.close();
  }
}

async function* empty(): AsyncGenerator<Buffer> {
  // A stream of no bytes.
}

async function index(handle: FileHandle): Promise<ReadonlyMap<string, Member>> {
  const { size: total } = await handle.stat();
  const members = new Map<string, Member>();
  let pax: ReadonlyMap<string, string> = new Map();
  let count = 0;
  for (let at = 0; ;) {
    const block = await exactly(handle, at, BLOCK);
    if (block.every((byte) => byte === 0)) return members;
    if ((count += 1) > MOST) throw badArchive(`it has more than ${MOST} entries`);
    const { name, flag, size, target } = headerOf(block, pax);
    const start = at + BLOCK;
    if (start + size > total) throw badArchive(`${quoted(name)} is cut off`);
    at = start + Math.ceil(size / BLOCK) * BLOCK;
    if (flag === 'x') {
      if (size > LARGEST_PAX) throw badArchive('a header is too large');
      pax = recordsOf(await exactly(handle, start, size));
      continue;
    }
    pax = new Map();
    if (flag === '5' || flag === 'g') continue;
    if (flag !== '0' && flag !== '\0' && flag !== '2') throw badArchive(`${quoted(name)} is of the type ${quoted(flag)}`);
    if (members.has(name)) throw badArchive(`${quoted(name)} stands in it twice`);
    members.set(name, { type: flag === '2' ? 'link' : 'file', start, size, target });
  }
}

async function exactly(handle: FileHandle, at: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, at);
  if (bytesRead !== length) throw badArchive('it ends in the middle');
  return buffer;
}

function headerOf(block: Buffer, pax: ReadonlyMap<string, string>): Header {
  let sum = 0;
  for (const [at, byte] of block.entries()) sum += at >= 148 && at < 156 ? 32 : byte;
  if (octal(block, 148, 8) !== sum) throw badArchive('a header is damaged');
  const prefix = block.toString('latin1', 257, 262) === 'ustar' ? textAt(block, 345, 155) : '';
  const short = textAt(block, 0, 100);
  return {
    name: pax.get('path') ?? (prefix === '' ? short : `${prefix}/${short}`),
    target: pax.get('linkpath') ?? textAt(block, 157, 100),
    size: pax.has('size') ? whole(pax.get('size') ?? '', 10) : octal(block, 124, 12),
    flag: String.fromCharCode(block[156] ?? 0),
  };
}

function textAt(block: Buffer, start: number, length: number): string {
  const field = block.subarray(start, start + length);
  const end = field.indexOf(0);
  return field.toString('utf8', 0, end < 0 ? length : end);
}

function octal(block: Buffer, start: number, length: number): number {
  return whole(textAt(block, start, length).trim() || '0', 8);
}

function whole(text: string, base: 8 | 10): number {
  const value = (base === 8 ? /^[0-7]+$/ : /^\d+$/).test(text) ? Number.parseInt(text, base) : Number.NaN;
  if (!Number.isSafeInteger(value)) throw badArchive('a header holds a number that is none');
  return value;
}

/** `<length> <key>=<value>\n`, one after the other. */
function recordsOf(content: Buffer): ReadonlyMap<string, string> {
  const records = new Map<string, string>();
  for (let at = 0; at < content.length;) {
    const length = whole(content.toString('latin1', at, content.indexOf(' ', at)), 10);
    const record = content.toString('utf8', at, at + length);
    const [, key = '', value = ''] = /^\d+ ([^=]+)=([^]*)\n$/.exec(record) ?? [];
    if (key === '' || length === 0 || at + length > content.length) throw badArchive('a header is damaged');
    records.set(key, value);
    at += length;
  }
  return records;
}

/** Links lead to other members alone. */
function followed(members: ReadonlyMap<string, Member>, name: string): Member {
  let at = name;
  for (let left = MOST_LINKS; left >= 0; left -= 1) {
    const found = members.get(at);
    if (found === undefined) throw badArchive(`there is no ${quoted(at)} in it`);
    if (found.type === 'file') return found;
    at = posix.join(posix.dirname(at), found.target);
  }
  throw badArchive(`${quoted(name)} is a link to a link`);
}
