/** A blob on its way into the store: a temporary file that gets its name by a rename once it is complete and on the disk. */
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { guarded } from './failures.js';
import { makeFolder, PRIVATE } from './folder.js';
import { pathOf, type Places } from './places.js';
import { temporaryIn } from './temporary.js';
import { use } from './use.js';
import type { Digest } from '../oci.js';

export interface BlobWriter {
  write(chunk: Uint8Array): Promise<void>;
  /**
   * Gives the content its name. The digest is the caller's word: it computed it from the chunks that it wrote. No folder is flushed: a crash that loses the rename leaves
   * a blob that is missing, never half of one.
   */
  commit(digest: Digest): Promise<void>;
  /** Removes it; does nothing after {@link commit}. */
  discard(): Promise<void>;
}

/** Nobody writes into a blob. */
const READ_ONLY = 0o444;

export async function openWriter(places: Places): Promise<BlobWriter> {
  const { folder, temporary } = places;
  const file = temporaryIn(places);
  const handle = await guarded(folder, async () => {
    await makeFolder(temporary, PRIVATE);
    return open(file, 'wx', 0o600);
  });
  let size = 0;
  let settled = false;
  const discard = async (): Promise<void> => {
    if (settled) return;
    settled = true;
    // What kept it from being written may keep it from being removed.
    await handle.close().catch(() => undefined);
    await rm(file, { force: true }).catch(() => undefined);
  };
  return {
    write: (chunk) => guarded(folder, async () => {
      for (let done = 0; done < chunk.length;) done += (await handle.write(chunk, done)).bytesWritten;
      size += chunk.length;
    }),
    commit: (digest) => guarded(folder, async () => {
      const blob = pathOf(places, digest);
      if (await use(blob) === size) return discard();
      await makeFolder(dirname(blob), PRIVATE);
      await handle.chmod(READ_ONLY);
      const now = new Date();
      await handle.utimes(now, now);
      await handle.sync();
      await handle.close();
      await rename(file, blob);
      settled = true;
      return undefined;
    }),
    discard,
  };
}
