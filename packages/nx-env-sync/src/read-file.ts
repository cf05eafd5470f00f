import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { errorCode } from './errors.js';

/** An environment must fit into a process's start (about 2 MiB on Linux), so a larger file is a mistake. */
export const LARGEST_FILE = 1024 * 1024;

/** `what` continues "the file ...". */
export type NotRead = { readonly state: 'missing' } | { readonly state: 'unreadable'; readonly what: string };
export type FileText = { readonly state: 'read'; readonly text: string } | NotRead;
export type FileBytes = { readonly state: 'read'; readonly bytes: Buffer } | NotRead;

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

/** Text of a file or of what was decrypted, with its byte order mark; never guesses an encoding. */
export function decodeText(bytes: Uint8Array): FileText {
  try {
    return { state: 'read', text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes) };
  } catch {
    return { state: 'unreadable', what: 'is not UTF-8 text; save it as UTF-8' };
  }
}

/** Reads a text file whole: at most 1 MiB, in UTF-8. */
export async function readTextFile(path: string): Promise<FileText> {
  const file = await readWholeFile(path, LARGEST_FILE);
  return file.state === 'read' ? decodeText(file.bytes) : file;
}

/**
 * Reads a file whole. Never waits on a pipe or device, and never reads more than `largest` bytes. In one go: these files are small, and each step of an
 * asynchronous read takes longer than the whole of it, which counts where a workspace has a thousand of them.
 */
export async function readWholeFile(path: string, largest: number): Promise<FileBytes> {
  try {
    // Non-blocking, because opening a named pipe for reading waits for a writer.
    const handle = openSync(path, constants.O_RDONLY | NONBLOCK);
    try {
      const stats = fstatSync(handle);
      if (stats.isDirectory()) return { state: 'unreadable', what: 'is a folder, not a file' };
      if (!stats.isFile()) return { state: 'unreadable', what: 'is not a regular file' };
      if (stats.size > largest) return { state: 'unreadable', what: `is ${stats.size} bytes large; at most ${largest} are accepted` };
      return { state: 'read', bytes: readFileSync(handle) };
    } finally {
      closeSync(handle);
    }
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT') return { state: 'missing' };
    return { state: 'unreadable', what: causes.get(code) ?? `cannot be read: ${code}` };
  }
}
