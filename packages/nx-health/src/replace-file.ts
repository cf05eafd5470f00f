import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errorCode, HealthError } from './errors.js';

/** Writes a file as a whole, and its folder where there is none: whoever reads it sees the one before or this one. @throws HealthError */
export async function replaceFile(path: string, text: string): Promise<void> {
  const beside = `${path}.${process.pid}.tmp`;
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(beside, text);
    await rename(beside, path);
  } catch (error) {
    await rm(beside, { force: true }).catch(() => undefined);
    throw new HealthError({ what: `the file cannot be written: ${errorCode(error)}`, where: path, next: 'name another one, or make its folder writable' }, { cause: error });
  }
}
