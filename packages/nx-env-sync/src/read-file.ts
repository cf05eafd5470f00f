import { constants } from 'node:fs';
import { open } from 'node:fs/promises';

/** An environment must fit into a process's start (about 2 MiB on Linux), so a larger file is a mistake. */
export const LARGEST_FILE = 1024 * 1024;

export type FileText =
  | { readonly state: 'read'; readonly text: string }
  | { readonly state: 'missing' }
  | { readonly state: 'unreadable'; readonly what: string };

/** Absent on Windows, where 0 changes nothing. */
const NONBLOCK = (constants as Partial<typeof constants>).O_NONBLOCK ?? 0;

const causes: ReadonlyMap<string, string> = new Map([
  ['ENOTDIR', 'cannot be read: a part of its path is a file, not a folder'],
  ['EACCES', 'cannot be read: permission denied'],
  ['EISDIR', 'is a folder, not a file'],
  ['ELOOP', 'cannot be read: its symbolic links form a circle'],
  // Opening a socket, or a device that is not there.
  ['ENXIO', 'is not a regular file'],
]);

function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : 'unknown error';
}

function decode(bytes: Buffer): FileText {
  try {
    return { state: 'read', text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) };
  } catch {
    return { state: 'unreadable', what: 'is not UTF-8 text; save it as UTF-8' };
  }
}

/** Reads a text file whole. Never waits on a pipe or device, never reads more than 1 MiB, never guesses an encoding. */
export async function readTextFile(path: string): Promise<FileText> {
  try {
    // Non-blocking, because opening a named pipe for reading waits for a writer.
    const handle = await open(path, constants.O_RDONLY | NONBLOCK);
    try {
      const stats = await handle.stat();
      if (stats.isDirectory()) return { state: 'unreadable', what: 'is a folder, not a file' };
      if (!stats.isFile()) return { state: 'unreadable', what: 'is not a regular file' };
      if (stats.size > LARGEST_FILE) return { state: 'unreadable', what: `is ${stats.size} bytes large; at most ${LARGEST_FILE} are accepted` };
      return decode(await handle.readFile());
    } finally {
      await handle.close();
    }
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT') return { state: 'missing' };
    return { state: 'unreadable', what: causes.get(code) ?? `cannot be read: ${code}` };
  }
}
