import { createHash } from 'node:crypto';
import { readSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';

export interface FileDigest {
  readonly bytes: number;
  /** Of the content, hexadecimal. */
  readonly sha256: string;
}

/** Small enough to be still in the processor's cache when it is hashed. */
const CHUNK_BYTES = 256 * 1024;
/** After so many, some milliseconds, others have their turn. */
const CHUNKS_AT_A_TIME = 16;

/**
 * Digest of a file's content. Parts are read in this thread: handing each to another one and back costs more than reading it from the system's cache.
 * @throws Error of the system when it cannot be read
 */
export async function hashFile(file: string): Promise<FileDigest> {
  const handle = await open(file, 'r');
  try {
    const { size } = await handle.stat();
    const hash = createHash('sha256');
    const chunk = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, Math.max(size + 1, 512)));
    let bytes = 0;
    for (let count = 1; ; count += 1) {
      const read = readSync(handle.fd, chunk, 0, chunk.length, null);
      if (read === 0) return { bytes, sha256: hash.digest('hex') };
      hash.update(chunk.subarray(0, read));
      bytes += read;
      if (count % CHUNKS_AT_A_TIME === 0) await setImmediate();
    }
  } finally {
    await handle.close();
  }
}
