/** Where a target keeps what it remembers: files below one folder, on this machine or on another. */
import { parseState } from './atomic-file.js';

/**
 * Paths are relative to the folder, with `/` between their parts. What is written is on the disk by the time that a promise resolves. Without room, or without the right to, every
 * writer rejects with ND-DISK-FULL, naming the file, and leaves what was there; without the right to read, readers do.
 */
export interface StateFiles {
  /** Undefined when there is no such file. */
  read(path: string): Promise<Buffer | undefined>;
  /** Makes or replaces a file: whoever reads it finds the whole of the one or of the other, whatever kills the writer. Folders on the way are made. */
  write(path: string, content: string | Uint8Array): Promise<void>;
  /** Behind what the file has: all of it, or nothing. A writer that is killed can leave a beginning. Makes the file, and folders on the way. */
  append(path: string, content: string | Uint8Array): Promise<void>;
  /** Keeps so many bytes of the beginning. */
  truncate(path: string, bytes: number): Promise<void>;
  /** Makes a file, whole, where there is nothing of that name; false when there is. Of several who do so at once one has made it. */
  create(path: string, content: string | Uint8Array): Promise<boolean>;
  /** Nothing happens when there is no such file. */
  remove(path: string): Promise<void>;
  /** A folder, with all that is in it, or a file. */
  removeTree(path: string): Promise<void>;
  /** Of the files and folders in a folder, in no order; none when there is no such folder. `''` is the folder itself. */
  names(path: string): Promise<readonly string[]>;
  /** Renames a file that cannot be used, so that it is kept for a person and in nobody's way; resolves with the place that it has then. */
  setAside(path: string): Promise<string>;
  /** For messages: where that file is. */
  where(path: string): string;
  /** The same files, seen from a folder among them. */
  below(path: string): StateFiles;
}

/** One file among others. */
export interface StatePath {
  readonly files: StateFiles;
  readonly path: string;
}

/** Reads a state file and checks its schema version and shape: damaged or newer state is refused, never taken for empty. */
export async function readStateIn<T extends { readonly schema: number }>(files: StateFiles, path: string, valid: (value: object) => value is T): Promise<T | undefined> {
  const content = await files.read(path);
  return content === undefined ? undefined : parseState(content.toString('utf8'), files.where(path), valid);
}

/** Of a temporary file next to the one that it is to become: `<file>.<process>.<random>.tmp`. */
export const UNFINISHED = /\.\d+\.[0-9a-f]+\.tmp$/;
