import { mkdir } from 'node:fs/promises';
import { errorCode } from '../../errors.js';

/** With the folders above it; those that are there stay as they are. */
export async function makeFolder(folder: string, mode = 0o777): Promise<void> {
  try {
    await mkdir(folder, { recursive: true, mode });
  } catch (error) {
    // On a read-only file system Node's recursive one says ENOENT; the plain one tells the truth.
    if (errorCode(error) !== 'ENOENT') throw error;
    await mkdir(folder, { mode });
  }
}

/** Of the store: what is in it is nobody else's business. */
export const PRIVATE = 0o700;
