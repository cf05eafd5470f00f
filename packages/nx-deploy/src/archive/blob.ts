import { lstat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from '../errors.js';
import type { ManifestFile } from './manifest.js';

/** Where a store keeps the content of a file. */
export function blobPath(folder: string, file: ManifestFile): string {
  return join(folder, 'sha256', file.sha256.slice(0, 2), `${file.sha256}${file.mode === 0o755 ? '.x' : ''}`);
}

/**
 * Is the blob as it was put? Its date is set to a whole second, so a later write by a service that runs as root shows in nearly every case
 * without reading the content again.
 */
export async function intact(blob: string, size: number): Promise<boolean> {
  const stat = await lstat(blob).catch(() => undefined);
  return stat?.isFile() === true && stat.size === size && stat.mtimeMs % 1_000 === 0;
}

/** Makes the blob young for {@link prune} by its change time, without changing its date. False when it was pruned meanwhile. */
export async function touch(blob: string): Promise<boolean> {
  try {
    const { mtimeMs } = await lstat(blob);
    await utimes(blob, mtimeMs / 1_000, mtimeMs / 1_000);
    return true;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false;
    throw error;
  }
}
