/** State in a folder of this machine. */
import { randomBytes } from 'node:crypto';
import { link, mkdir, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { errorCode } from '../errors.js';
import { isMissing, PRIVATE_FILE, PRIVATE_FOLDER, readError, setAside, syncFolder, writeAtomically, writeError } from './atomic-file.js';
import type { StateFiles } from './state-files.js';

export function nodeFiles(folder: string): StateFiles {
  const where = (path: string): string => join(folder, path);
  const writing = async <T>(path: string, act: (file: string) => Promise<T>): Promise<T> => act(where(path)).catch((error: unknown) => { throw writeError(error, where(path)); });
  return {
    where,
    below: (path) => nodeFiles(where(path)),
    read: (path) => readFile(where(path)).catch((error: unknown) => {
      if (isMissing(error)) return undefined;
      throw readError(error, where(path));
    }),
    names: (path) => readdir(where(path)).catch((error: unknown) => {
      if (isMissing(error)) return [];
      throw readError(error, where(path));
    }),
    write: (path, content) => writeAtomically(where(path), content),
    append: (path, content) => writing(path, (file) => append(file, content)),
    truncate: (path, bytes) => writing(path, (file) => truncate(file, bytes)),
    create: (path, content) => writing(path, (file) => create(file, content)),
    remove: (path) => rm(where(path), { force: true }),
    removeTree: (path) => rm(where(path), { recursive: true, force: true }),
    setAside: (path) => setAside(where(path)),
  };
}

/** A part that fitted on a full disk is taken away again. */
async function append(file: string, content: string | Uint8Array): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: PRIVATE_FOLDER });
  const handle = await open(file, 'a', PRIVATE_FILE);
  try {
    const { size } = await handle.stat();
    try {
      await handle.writeFile(content);
      await handle.sync();
      await syncFolder(dirname(file));
    } catch (error) {
      // If not even that is possible, the next entry does it.
      await handle.truncate(size).then(() => handle.sync()).catch(() => undefined);
      throw error;
    }
  } finally {
    await handle.close();
  }
}

async function truncate(file: string, bytes: number): Promise<void> {
  const handle = await open(file, 'r+');
  try {
    await handle.truncate(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** A link never replaces. */
async function create(file: string, content: string | Uint8Array): Promise<boolean> {
  await mkdir(dirname(file), { recursive: true, mode: PRIVATE_FOLDER });
  const temp = `${file}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`;
  let made = true;
  try {
    await writeFile(temp, content, { mode: PRIVATE_FILE, flag: 'wx', flush: true });
    await link(temp, file);
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
    made = false;
  } finally {
    await rm(temp, { force: true });
  }
  await syncFolder(dirname(file));
  return made;
}
