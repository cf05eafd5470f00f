/** The packages of a layer that is in the store already, read from its tar: what an install of an earlier build made need not be installed again. */
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import type { BlobStore } from '../blobs/store.js';
import type { PackageSize } from '../builder.js';
import type { Digest } from '../oci.js';
import { addPackages, packageOf, versionIn, type SizedFile } from './packages.js';

const BLOCK = 512;
/** A package.json that is longer names no version here. */
const LONGEST_MANIFEST = 1024 * 1024;

interface Member {
  readonly path: string;
  readonly type: string;
  readonly size: number;
}

/** Reads the layer once; memory is bounded. Rejects with ND-IMAGE-INCOMPLETE or ND-IMAGE-INVALID when it is not in the store, or damaged. */
export async function storedPackages(store: BlobStore, digest: Digest): Promise<readonly PackageSize[]> {
  const files: SizedFile[] = [];
  const versions = new Map<string, string>();
  await pipeline(store.open(digest, { verify: true }), createGunzip(), (tar) => readTar(tar as AsyncIterable<Buffer>, ({ path, type, size }) => {
    if (type !== '0') return undefined;
    files.push({ path, size });
    const owner = packageOf(path);
    return owner?.inside !== 'package.json' || size > LONGEST_MANIFEST ? undefined : (content) => {
      const version = versionIn(content.toString());
      if (version !== undefined) versions.set(owner.folder, version);
    };
  }));
  return addPackages(files, versions);
}

/** Walks a tar as the layers here are written: ustar, with pax records for what does not fit. `visit` says whether it wants the content. */
async function readTar(tar: AsyncIterable<Buffer>, visit: (member: Member) => ((content: Buffer) => void) | undefined): Promise<void> {
  const take = reader(tar);
  let records: Readonly<Record<string, string>> = {};
  for (;;) {
    const block = await take(BLOCK, true);
    if (block === undefined || block.every((byte) => byte === 0)) break;
    const member = memberOf(block, records);
    const padded = Math.ceil(member.size / BLOCK) * BLOCK;
    if (member.type === 'x') {
      records = paxRecords(await take(padded, true) ?? Buffer.alloc(0), member.size);
      continue;
    }
    records = {};
    const wants = visit(member);
    const content = await take(padded, wants !== undefined);
    if (content !== undefined) wants?.(content.subarray(0, member.size));
  }
  // The rest is read as well, so that the digest of the whole is verified.
  while (await take(BLOCK, true) !== undefined);
}

function memberOf(block: Buffer, records: Readonly<Record<string, string>>): Member {
  const text = (from: number, length: number): string => block.toString('utf8', from, from + length).replace(/\0.*$/s, '');
  const prefix = text(345, 155);
  const size = records['size'] ?? String(Number.parseInt(text(124, 12), 8));
  return { path: records['path'] ?? (prefix === '' ? text(0, 100) : `${prefix}/${text(0, 100)}`), type: text(156, 1), size: Number(size) };
}

/** `<length> <key>=<value>\n`, again and again (pax(1), "pax Extended Header"). */
function paxRecords(content: Buffer, size: number): Record<string, string> {
  const records: Record<string, string> = {};
  for (let at = 0; at < size;) {
    const space = content.indexOf(0x20, at);
    const length = Number(content.toString('latin1', at, space));
    const [key = '', ...value] = content.toString('utf8', space + 1, at + length - 1).split('=');
    records[key] = value.join('=');
    at += length;
  }
  return records;
}

/** Gives the next bytes, or passes over them when they are not wanted; undefined at the end. */
function reader(tar: AsyncIterable<Buffer>): (length: number, keep: boolean) => Promise<Buffer | undefined> {
  const chunks = tar[Symbol.asyncIterator]();
  let rest: Buffer = Buffer.alloc(0);
  return async (length, keep) => {
    const parts: Buffer[] = [];
    for (let left = length; left > 0;) {
      if (rest.length === 0) {
        const next = await chunks.next();
        if (next.done === true) return undefined;
        rest = next.value;
      }
      const part = rest.subarray(0, left);
      if (keep) parts.push(part);
      rest = rest.subarray(part.length);
      left -= part.length;
    }
    return keep ? Buffer.concat(parts) : undefined;
  };
}
