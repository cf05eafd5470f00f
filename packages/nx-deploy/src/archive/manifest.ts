/** The list of files that makes up an artifact: what a release is identified by, and what a release folder is built from. */
import { createHash } from 'node:crypto';
import { DeployError } from '../errors.js';

export interface ManifestFile {
  /** Relative to the artifact's root, `/` between the parts, as the file system spells it (no Unicode normalisation). */
  readonly path: string;
  readonly mode: 0o644 | 0o755;
  readonly size: number;
  /** 64 hexadecimal digits. */
  readonly sha256: string;
}

export interface ManifestLink {
  readonly path: string;
  /** Target of the symbolic link, relative to the folder of `path`. */
  readonly link: string;
}

export type ManifestEntry = ManifestFile | ManifestLink;

/** Enough to see what is wrong without pages of it. */
const PROBLEMS_SHOWN = 20;
/** As Linux does (path_resolution(7)). */
const LINK_HOPS = 40;

/** `sha256:` and 64 hexadecimal digits. Depends on the files alone: not on their order, their dates or where they lie. */
export function manifestDigest(entries: readonly ManifestEntry[]): string {
  const hash = createHash('sha256');
  for (const entry of sorted(entries)) {
    const parts = 'link' in entry ? ['l', entry.path, entry.link] : ['f', entry.path, entry.mode, entry.size, entry.sha256];
    hash.update(`${JSON.stringify(parts)}\n`);
  }
  return `sha256:${hash.digest('hex')}`;
}

/** By code unit, so that every machine and locale has the same order. */
export function sorted<T extends { readonly path: string }>(entries: readonly T[]): T[] {
  return [...entries].sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
}

/** A path for messages: quoted, in ASCII, whatever bytes its name has. */
export function quoted(path: string): string {
  return JSON.stringify(path).replace(/[\x7f-\uffff]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Rejects (ND-ARTIFACT-UNSAFE, every problem at once) what could write or point outside the folder that the entries are laid out in. */
export function assertSafe(entries: readonly ManifestEntry[], where: string): void {
  const links = new Map<string, string>();
  for (const entry of entries) if ('link' in entry) links.set(entry.path, entry.link);
  const files = new Set<string>();
  const problems: string[] = [];
  for (const entry of entries) {
    const problem = badPath(entry.path) ?? (files.has(entry.path) ? 'stands twice in the list' : undefined) ?? badContent(entry, links);
    if (problem !== undefined) problems.push(`${quoted(entry.path)}: ${problem}`);
    files.add(entry.path);
  }
  const blocked = blockedBy(files);
  for (const entry of entries) {
    const parent = blocked(folderOf(entry.path));
    if (parent !== undefined) problems.push(`${quoted(entry.path)}: ${quoted(parent)} on its way is no folder`);
  }
  if (problems.length > 0) throw unsafe(problems, where);
}

function folderOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}

/** Which of the folders above a file (or that folder itself) is a file, the outermost first. Every folder is looked at once, however many files lie in it. */
function blockedBy(files: ReadonlySet<string>): (folder: string) => string | undefined {
  const seen = new Map<string, string | undefined>([['', undefined]]);
  const blocked = (folder: string): string | undefined => {
    if (seen.has(folder)) return seen.get(folder);
    const found = blocked(folderOf(folder)) ?? (files.has(folder) ? folder : undefined);
    seen.set(folder, found);
    return found;
  };
  return blocked;
}

export function unsafe(problems: readonly string[], where: string): DeployError {
  const shown = problems.slice(0, PROBLEMS_SHOWN);
  const more = problems.length - shown.length;
  return new DeployError('ND-ARTIFACT-UNSAFE', {
    what: 'the artifact holds what cannot be deployed safely',
    where,
    problems: more > 0 ? [...shown, `and ${more} more`] : shown,
    next: 'change what the build writes, or point artifact.path in deploy.json at a folder that holds only what runs',
  });
}

/** The folders above a path, outermost first. */
export function parents(path: string): string[] {
  const parts = path.split('/').slice(0, -1);
  return parts.map((_part, index) => parts.slice(0, index + 1).join('/'));
}

/** Where the path leads inside the artifact once every link on it is followed; undefined when that is outside or never ends. */
export function follow(path: string, links: ReadonlyMap<string, string>): string | undefined {
  const at: string[] = [];
  const todo = path.split('/');
  for (let hops = 0; todo.length > 0;) {
    const part = todo.shift() ?? '';
    if (part === '' || part === '.') continue;
    if (part === '..') {
      if (at.pop() === undefined) return undefined;
      continue;
    }
    at.push(part);
    const link = links.get(at.join('/'));
    if (link === undefined) continue;
    hops += 1;
    if (link.startsWith('/') || hops > LINK_HOPS) return undefined;
    at.pop();
    todo.unshift(...link.split('/'));
  }
  return at.join('/');
}

function badPath(path: string): string | undefined {
  if (path === '') return 'the name is empty';
  if (path.startsWith('/')) return 'the path is absolute';
  if (path.includes('\0')) return 'the name holds a NUL';
  if (path.split('/').some((part) => part === '' || part === '.' || part === '..')) return 'the path has empty, "." or ".." parts';
  // A lone surrogate would be written under another name.
  if (Buffer.from(path).toString() !== path) return 'the name is no valid Unicode';
  return undefined;
}

function badContent(entry: ManifestEntry, links: ReadonlyMap<string, string>): string | undefined {
  if ('link' in entry) {
    if (entry.link === '' || entry.link.includes('\0')) return 'the link has no target';
    return follow(entry.path, links) === undefined ? `the link to ${quoted(entry.link)} leaves the artifact or never ends` : undefined;
  }
  if (!/^[0-9a-f]{64}$/.test(entry.sha256)) return 'the digest is no SHA-256';
  if (!Number.isSafeInteger(entry.size) || entry.size < 0) return 'the size is no whole number';
  const mode: number = entry.mode;
  return mode === 0o644 || mode === 0o755 ? undefined : 'the mode is neither 0644 nor 0755';
}
