import { open } from 'node:fs/promises';

/** Bytes that are read at once. */
export const READ_CHUNK = 256 * 1024;

/** The content of a file, opened when the first chunk is asked for and closed when the reader is done with it. Each chunk may be kept. */
export async function* chunksOf(file: string): AsyncGenerator<Buffer> {
  const handle = await open(file, 'r');
  try {
    for (;;) {
      const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(READ_CHUNK), 0, READ_CHUNK, null);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await handle.close();
  }
}
