/** Lays a layer of our own out in a folder, upon the layers below it. */
import { closeSync, lstatSync, mkdirSync, openSync, rmSync, symlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import type { BlobStore } from '../../blobs/store.js';
import { quoted } from '../../../archive/manifest.js';
import { DeployError, errorCode } from '../../../errors.js';
import { badMember } from '../../layer/entry.js';
import type { Member } from '../../layer/header.js';
import { readTar, type Refuse } from '../../layer/read.js';
import type { Digest } from '../../oci.js';
import { assertGoesOn } from './cancelled.js';

export interface UnpackOptions {
  readonly signal?: AbortSignal;
  /** Files that are not written; their folders and all links are. */
  readonly leaveOut?: (path: string) => boolean;
  /** Nobody may write to the files. */
  readonly readOnly?: boolean;
}

/**
 * @param folder absolute, stands for the root of the image: absolute links lead into it
 * @throws DeployError ND-IMAGE-INVALID when the layer is damaged or would write outside of the folder
 */
export async function unpackLayer(store: BlobStore, digest: Digest, folder: string, options: UnpackOptions = {}): Promise<void> {
  const plain = createGunzip({ chunkSize: 256 * 1024 });
  const refuse: Refuse = (why, path) => damaged(digest, path === undefined ? why : `${quoted(path)}: ${why}`);
  await pipeline(Readable.from(store.open(digest, { verify: true })), plain, (tar: AsyncIterable<Buffer>) => unpackTar(tar, refuse, folder, options))
    .catch((thrown: unknown) => { throw errorCode(thrown)?.startsWith('Z_') === true ? damaged(digest, 'it is no gzip') : thrown; });
}

/** {@link unpackLayer} of bytes that are not compressed. */
export async function unpackTar(tar: AsyncIterable<Buffer>, refuse: Refuse, folder: string, { signal, leaveOut, readOnly = false }: UnpackOptions): Promise<void> {
  // The folder of a member comes before it, so that nothing is ever written through a link of a layer below.
  const known = new Set(['']);
  await readTar(tar, refuse, async (member, content) => {
    assertGoesOn(signal);
    const { path, type } = member;
    const problem = badMember(member) ?? (known.has(path.slice(0, Math.max(0, path.lastIndexOf('/')))) ? undefined : 'its folder is missing');
    if (problem !== undefined) throw refuse(problem, path);
    if (type === 'directory') known.add(path);
    else known.delete(path);
    if (type !== 'file') makeOther(member, folder);
    else if (leaveOut?.(path) !== true) await writeFile(join(folder, path), ((member.mode & 0o100) === 0 ? 0o644 : 0o755) & (readOnly ? 0o555 : 0o777), content);
  });
}

async function writeFile(file: string, mode: number, content: AsyncIterable<Buffer>): Promise<void> {
  const descriptor = create(file, mode);
  try {
    for await (const piece of content) for (let done = 0; done < piece.length;) done += writeSync(descriptor, piece, done);
  } finally {
    closeSync(descriptor);
  }
}

/** What a layer below has there goes. It is never written to: it may be a link. */
function create(file: string, mode: number): number {
  try {
    return openSync(file, 'wx', mode);
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
    rmSync(file, { recursive: true });
    return openSync(file, 'wx', mode);
  }
}

function makeOther({ path, type, target = '' }: Member, folder: string): void {
  const file = join(folder, path);
  const there = lstatSync(file, { throwIfNoEntry: false });
  if (type === 'directory' && there?.isDirectory() === true) return;
  if (there !== undefined) rmSync(file, { recursive: true });
  if (type === 'directory') mkdirSync(file, 0o755);
  else symlinkSync(target.startsWith('/') ? join(folder, target) : target, file);
}

function damaged(digest: Digest, why: string): DeployError {
  return new DeployError('ND-IMAGE-INVALID', { what: 'a layer cannot be laid out', where: digest, why, next: 'run the command again; when it stays, remove the store of image blobs' });
}
