/** Lays a layer of our own out in a folder, upon the layers below it. Reads only what layer/header.ts writes: files, folders and links, and pax records for long names. */
import { closeSync, lstatSync, mkdirSync, openSync, rmSync, symlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import type { BlobStore } from '../../blobs/store.js';
import { DeployError, errorCode } from '../../../errors.js';
import { BLOCK, padding } from '../../layer/header.js';
import { arrange, type Entry } from '../../layer/entry.js';
import type { Digest } from '../../oci.js';
import { assertGoesOn } from './cancelled.js';
import { Bytes } from '../../layer/bytes.js';

interface Member {
  readonly path: string;
  readonly type: string;
  readonly executable: boolean;
  readonly size: number;
  readonly target: string;
}

const RECORDS = 'x';
/** More than the longest path in its records. */
const LONGEST_RECORDS = 64 * 1024;

/**
 * @param folder absolute, stands for the root of the image: absolute links lead into it
 * @throws DeployError ND-IMAGE-INVALID when the layer is damaged or would write outside of the folder
 */
export async function unpackLayer(store: BlobStore, digest: Digest, folder: string, signal?: AbortSignal): Promise<void> {
  const plain = createGunzip({ chunkSize: 256 * 1024 });
  await pipeline(Readable.from(store.open(digest, { verify: true })), plain, async (tar: AsyncIterable<Buffer>) => {
    const bytes = new Bytes(tar, () => damaged(digest, 'it ends too early'));
    const known = new Set(['']);
    for (let records: Readonly<Record<string, string>> = {}; ;) {
      assertGoesOn(signal);
      const head = await bytes.take(BLOCK);
      if (head[0] === 0) break;
      const member = read(head, records);
      records = {};
      if (member.type === RECORDS && member.size <= LONGEST_RECORDS) records = parseRecords(await bytes.take(member.size));
      else await layOut(member, await checked(member, known, digest), folder, bytes);
      await bytes.take(padding(member.size));
    }
    // The check of the digest is at the end of the stream.
    await bytes.rest();
  }).catch((thrown: unknown) => { throw errorCode(thrown)?.startsWith('Z_') === true ? damaged(digest, 'it is no gzip') : thrown; });
}

/** The folder of a member comes before it, so that nothing is ever written through a link of a layer below. */
async function checked(member: Member, known: Set<string>, digest: Digest): Promise<string> {
  const path = member.path.replace(/\/$/, '');
  const entry: Entry | undefined = member.type === '0' ? { path, type: 'file', mode: 0, source: Buffer.alloc(0) }
    : member.type === '2' ? { path, type: 'symlink', target: member.target } : member.type === '5' ? { path, type: 'directory' } : undefined;
  if (entry === undefined) throw damaged(digest, 'it holds what no layer of this builder holds');
  await arrange([entry]);
  if (!known.has(path.slice(0, Math.max(0, path.lastIndexOf('/'))))) throw damaged(digest, 'a folder is missing in it');
  if (entry.type === 'directory') known.add(path);
  else known.delete(path);
  return path;
}

async function layOut({ type, size, executable, target }: Member, path: string, folder: string, bytes: Bytes): Promise<void> {
  const file = join(folder, path);
  const there = lstatSync(file, { throwIfNoEntry: false });
  if (type === '5' && there?.isDirectory() === true) return;
  if (there !== undefined) rmSync(file, { recursive: true });
  if (type === '5') mkdirSync(file, 0o755);
  else if (type === '2') symlinkSync(target.startsWith('/') ? join(folder, target) : target, file);
  else {
    const descriptor = openSync(file, 'wx', executable ? 0o755 : 0o644);
    try {
      for await (const piece of bytes.pieces(size)) for (let done = 0; done < piece.length;) done += writeSync(descriptor, piece, done);
    } finally {
      closeSync(descriptor);
    }
  }
}

function read(head: Buffer, records: Readonly<Record<string, string>>): Member {
  const text = (from: number, length: number): string => head.toString('latin1', from, from + length).split('\0')[0] ?? '';
  const prefix = text(345, 155);
  return {
    path: records['path'] ?? (prefix === '' ? text(0, 100) : `${prefix}/${text(0, 100)}`),
    type: text(156, 1), executable: (parseInt(text(100, 8), 8) & 0o100) !== 0,
    size: records['size'] === undefined ? parseInt(text(124, 12), 8) : Number(records['size']), target: records['linkpath'] ?? text(157, 100),
  };
}

/** `<length> <key>=<value>\n`, the length in bytes. */
function parseRecords(bytes: Buffer): Readonly<Record<string, string>> {
  const records: [string, string][] = [];
  for (let at = 0; at < bytes.length;) {
    const blank = bytes.indexOf(' ', at);
    const end = at + Number(bytes.toString('latin1', at, blank));
    if (blank < 0 || !(end > blank && end <= bytes.length)) break;
    const [key = '', ...value] = bytes.toString('utf8', blank + 1, end - 1).split('=');
    records.push([key, value.join('=')]);
    at = end;
  }
  return Object.fromEntries(records);
}

function damaged(digest: Digest, why: string): DeployError {
  return new DeployError('ND-IMAGE-INVALID', { what: 'a layer cannot be laid out', where: digest, why, next: 'run the command again; when it stays, remove the store of image blobs' });
}
