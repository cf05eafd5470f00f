import { lstat, utimes } from 'node:fs/promises';
import { errorCode } from '../../errors.js';

/** A store that this user may only read is used as it is: nobody prunes it from here. */
const NOT_OURS = new Set(['EROFS', 'EACCES', 'EPERM']);

/**
 * The bytes of a blob, which counts as used now; undefined when there is none. Its modification time is the time of its last use, as many systems do not keep the access
 * time. It is set before it is looked at: a prune that sees no use removes it before the look, one that removes it later sees the use.
 */
export async function use(file: string): Promise<number | undefined> {
  try {
    const now = new Date();
    await utimes(file, now, now);
  } catch (error) {
    const code = errorCode(error) ?? '';
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    if (!NOT_OURS.has(code)) throw error;
  }
  const stat = await lstat(file).catch(() => undefined);
  return stat?.isFile() === true ? stat.size : undefined;
}
