/** What a layer is made of, checked and in the one order that every machine writes it in. */
import { parents, quoted } from '../../archive/manifest.js';
import { DeployError } from '../../errors.js';
import type { Member } from './header.js';

/** `path` is relative to the root of the image, `/` between its parts, none of them empty, `.` or `..`. */
export type Entry = FileEntry | LinkEntry | FolderEntry;

export interface FileEntry {
  readonly path: string;
  readonly type: 'file';
  /** Of it only the owner's execute bit counts: 0755 with it, 0644 without. */
  readonly mode: number;
  /** Absolute path of a regular file, or the content itself. */
  readonly source: string | Uint8Array;
  /** What the file at `source` held when `sha256` was taken; it is then not read again. */
  readonly content?: Uint8Array;
  /** Bytes. A file that has another size when it is read is refused. */
  readonly size?: number;
  /** SHA-256 of the content, 64 hexadecimal digits. A file that has another content when it is read is refused, whatever its size and date say. */
  readonly sha256?: string;
}

export interface LinkEntry {
  readonly path: string;
  readonly type: 'symlink';
  /** As it is written into the link; where it leads is the caller's concern. */
  readonly target: string;
}

/** Folders need not be listed: those above an entry are added. All have mode 0755. */
export interface FolderEntry {
  readonly path: string;
  readonly type: 'directory';
}

const PROBLEMS_SHOWN = 20;
/** NAME_MAX and PATH_MAX of Linux: what is longer can be written into a layer and never be unpacked. */
const LONGEST_NAME = 255;
const LONGEST_PATH = 4_095;
/** Takes a file of the layer below away (OCI image specification, "Whiteouts"). */
const WHITEOUT = '.wh.';

/**
 * All entries with the folders above them, sorted by the bytes of their paths, so that a folder stands before what is in it.
 * @throws DeployError ND-ARTIFACT-UNSAFE with every problem at once.
 */
export async function arrange(entries: AsyncIterable<Entry> | Iterable<Entry>): Promise<readonly Entry[]> {
  const found = new Map<string, Entry>();
  const problems: string[] = [];
  for await (const entry of entries) {
    const problem = badEntry(entry) ?? badRepeat(entry, found.get(entry.path));
    if (problem === undefined) found.set(entry.path, entry);
    else problems.push(`${quoted(entry.path)}: ${problem}`);
  }
  for (const { path } of [...found.values()]) {
    for (const folder of parents(path)) {
      const above = found.get(folder);
      if (above === undefined) found.set(folder, { path: folder, type: 'directory' });
      else if (above.type !== 'directory') problems.push(`${quoted(path)}: ${quoted(folder)} on its way is no folder`);
    }
  }
  if (problems.length > 0) throw unsafe(problems);
  return inOrder([...found.values()]);
}

/** Strings of one byte a character compare as their bytes do; the order of UTF-16 differs from it. */
function inOrder(entries: readonly Entry[]): readonly Entry[] {
  return entries.map((entry) => ({ entry, key: Buffer.from(entry.path).toString('latin1') }))
    .sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
    .map(({ entry }) => entry);
}

/** What is wrong with an entry by itself; undefined when it can be written. */
function badEntry(entry: Entry): string | undefined {
  return badPath(entry.path) ?? badContent(entry);
}

/** {@link badEntry} of what was read from an archive. */
export function badMember({ path, type, target = '', mode }: Member): string | undefined {
  return badEntry(type === 'symlink' ? { path, type, target } : type === 'directory' ? { path, type } : { path, type, mode, source: Buffer.alloc(0) });
}

function badPath(path: string): string | undefined {
  if (path === '') return 'the name is empty';
  if (path.startsWith('/')) return 'the path is absolute';
  if (path.includes('\0')) return 'the name holds a NUL';
  const parts = path.split('/');
  if (parts.some((part) => part === '' || part === '.' || part === '..')) return 'the path has empty, "." or ".." parts';
  if (parts.some((part) => part.startsWith(WHITEOUT))) return `names that begin with "${WHITEOUT}" delete files in an image`;
  if (!isUnicode(path)) return 'the name is no valid Unicode';
  if (Buffer.byteLength(path) > LONGEST_PATH || parts.some((part) => Buffer.byteLength(part) > LONGEST_NAME)) return 'the name is longer than a file system allows';
  return undefined;
}

function badContent(entry: Entry): string | undefined {
  if (entry.type === 'symlink') {
    const { target } = entry;
    if (target === '' || target.includes('\0')) return 'the link has no target';
    return isUnicode(target) && Buffer.byteLength(target) <= LONGEST_PATH ? undefined : 'the target of the link is too long or no valid Unicode';
  }
  if (entry.type !== 'file') return undefined;
  const { source, size } = entry;
  if (typeof source === 'string' && !source.startsWith('/') && !/^[A-Za-z]:[\\/]/.test(source)) return 'its source is no absolute path';
  if (typeof source !== 'string' && size !== undefined && size !== source.length) return `its content has ${source.length} bytes, not ${size}`;
  return undefined;
}

function badRepeat(entry: Entry, earlier: Entry | undefined): string | undefined {
  return earlier === undefined || (earlier.type === 'directory' && entry.type === 'directory') ? undefined : 'it stands twice in the list';
}

/** A lone surrogate would be written as another name. */
function isUnicode(text: string): boolean {
  return Buffer.from(text).toString() === text;
}

/** What no image can hold, one line each. */
export function unsafe(problems: readonly string[]): DeployError {
  const shown = problems.slice(0, PROBLEMS_SHOWN);
  const more = problems.length - shown.length;
  return new DeployError('ND-ARTIFACT-UNSAFE', {
    what: 'the image would hold what no image can hold safely',
    problems: more > 0 ? [...shown, `and ${more} more`] : shown,
    next: 'change what the build writes, so that it holds only regular files, folders and links under ordinary names, then build the image again',
  });
}
