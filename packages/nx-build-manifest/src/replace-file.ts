import { randomBytes } from 'node:crypto';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';

/** What the names of its files that are not finished begin with. */
export const temporaryPrefix = (file: string): string => join(dirname(file), `.${basename(file)}.tmp-`);

/** Replaces `file` in one step: a reader sees the old content or the new one. Creates the folder. */
export async function replaceFile(file: string, content: string | Buffer): Promise<void> {
  const target = resolve(file);
  await mkdir(dirname(target), { recursive: true });
  const temporary = `${temporaryPrefix(target)}${randomBytes(6).toString('hex')}`;
  try {
    const handle = await open(temporary, 'wx');
    try {
      await handle.writeFile(content);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
