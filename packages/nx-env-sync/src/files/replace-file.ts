import { randomBytes } from 'node:crypto';
import { chmod, mkdir, open, readdir, realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** What only its owner reads. */
export const PRIVATE_FILE = 0o600;
export const PRIVATE_FOLDER = 0o700;

export interface Replacement {
  readonly path: string;
  readonly content: string | Uint8Array;
  /** Mode of the file. Without one it keeps what it has, and a new one is private. */
  readonly mode?: number;
}

/**
 * Replaces a file in one step, on the disk before it returns: whoever reads it, or is killed, sees the old content or the new one. A link is
 * followed, so that it stays one. The unfinished file stands beside it, is private, and begins with a dot.
 */
export async function replaceFile({ path, content, mode }: Replacement): Promise<void> {
  const folder = dirname(path);
  await mkdir(folder, { recursive: true, mode: PRIVATE_FOLDER });
  const target = await realpath(path).catch(() => path);
  const kept = mode ?? await stat(target).then((found) => found.mode & 0o777, () => PRIVATE_FILE);
  const temporary = join(dirname(target), `.${basename(target)}.${randomBytes(6).toString('hex')}.tmp`);
  try {
    const handle = await open(temporary, 'wx', PRIVATE_FILE);
    try {
      await handle.writeFile(content);
      await handle.sync();
    } finally {
      await handle.close();
    }
    if (kept !== PRIVATE_FILE) await chmod(temporary, kept);
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(dirname(target));
}

/** Removes what a writer that was killed left beside the file. Only for whoever alone writes it. */
export async function removeUnfinished(path: string): Promise<void> {
  const [folder, start] = [dirname(path), `.${basename(path)}.`];
  const names = await readdir(folder).catch(() => []);
  for (const name of names) if (name.startsWith(start) && /^[0-9a-f]{12}\.tmp$/.test(name.slice(start.length))) await rm(join(folder, name), { force: true });
}

/** Puts a change of names on the disk. Windows has no such thing. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => undefined);
  if (handle === undefined) return;
  try {
    await handle.sync().catch(() => undefined);
  } finally {
    await handle.close();
  }
}
