import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';

export interface FileDigest {
  readonly bytes: number;
  /** Of the content, hexadecimal. */
  readonly sha256: string;
}

const CHUNK_BYTES = 1024 * 1024;

/**
 * Digest of a file's content. The next part is read while the last one is hashed, so that neither disk nor processor waits for the other.
 * @throws Error of the system when it cannot be read
 */
export async function hashFile(file: string): Promise<FileDigest> {
  const handle = await open(file, 'r');
  try {
    const { size } = await handle.stat();
    const hash = createHash('sha256');
    const room = Math.min(CHUNK_BYTES, Math.max(size + 1, 512));
    let [current, next] = [Buffer.allocUnsafe(room), Buffer.allocUnsafe(room)];
    let bytes = 0;
    for (let { bytesRead } = await handle.read(current, 0, room, null); bytesRead > 0;) {
      const reading = handle.read(next, 0, room, null);
      hash.update(current.subarray(0, bytesRead));
      bytes += bytesRead;
      ({ bytesRead } = await reading);
      [current, next] = [next, current];
    }
    return { bytes, sha256: hash.digest('hex') };
  } finally {
    await handle.close();
  }
}
