import { randomUUID } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
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
