import { createHash, randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { link, open, rename, rm } from 'node:fs/promises';
import { guarded, LAYOUT, mismatch } from '../blobs/failures.js';
import type { BlobStore, Stored } from '../blobs/store.js';
import { blobFile } from './read.js';

/** A copy of its own, verified on the way: a link would let whoever writes into the build's output damage the store. */
export async function copyBlob(store: BlobStore, { digest, size }: Stored, folder: string): Promise<void> {
  const target = blobFile(folder, digest);
  const temporary = `${target}.${randomUUID()}.tmp`;
  const handle = await guarded(folder, () => open(temporary, 'wx', 0o644), LAYOUT);
  try {
    let written = 0;
    for await (const chunk of store.open(digest, { verify: true })) {
      written += chunk.length;
      await guarded(folder, () => handle.writeFile(chunk), LAYOUT);
    }
    if (written !== size) throw mismatch(store.pathOf(digest), { size }, { digest, size: written });
    await handle.close();
    await guarded(folder, () => rename(temporary, target), LAYOUT);
  } catch (error) {
    await handle.close().catch(() => undefined);
    await rm(temporary, { force: true }).catch(() => undefined);
    throw error;
  }
}

/** Bytes that are read at once. */
const CHUNK = 1024 * 1024;

/**
 * The copy in `previous`, an image that is about to be replaced, serves again when it is whole: it is read once and not written. False when there is none, or another one, or
 * the store has none any more.
 */
export async function takeBlob(store: BlobStore, { digest, size }: Stored, previous: string, folder: string): Promise<boolean> {
  if (!await store.has(digest, size)) return false;
  const target = blobFile(folder, digest);
  try {
    await link(blobFile(previous, digest), target);
  } catch {
    return false;
  }
  if (await isWhole(target, { digest, size }).catch(() => false)) return true;
  await guarded(folder, () => rm(target), LAYOUT);
  return false;
}

/** Looked at where nobody but this process finds it. */
async function isWhole(file: string, { digest, size }: Stored): Promise<boolean> {
  const handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const stat = await handle.stat();
    if (!stat.isFile() || stat.size !== size) return false;
    const hash = createHash('sha256');
    const buffer = Buffer.allocUnsafe(Math.min(CHUNK, size + 1));
    for (;;) {
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, null);
      if (bytesRead === 0) return `sha256:${hash.digest('hex')}` === digest;
      hash.update(buffer.subarray(0, bytesRead));
    }
  } finally {
    await handle.close();
  }
}
