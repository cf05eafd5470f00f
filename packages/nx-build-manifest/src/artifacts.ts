import { createHash } from 'node:crypto';
import { lstat, readdir, readlink } from 'node:fs/promises';
import { basename, join, relative, resolve, sep } from 'node:path';
import { hashFile } from './hash-file.js';
import { printable } from './printable.js';
import { isMissing } from './reading.js';

export type OutputFile =
  /** `path`: relative to the folder, with `/`; `sha256`: of the content, hexadecimal. */
  | { readonly path: string; readonly bytes: number; readonly sha256: string }
  /** A symbolic link is recorded, not followed; `link` is its target as it stands. */
  | { readonly path: string; readonly link: string };

export interface OutputFacts {
  /** Sorted by path, by UTF-16 code units. */
  readonly files: readonly OutputFile[];
  /** Sum over all files. */
  readonly bytes: number;
}

/** What a build made: a file, or a folder with everything in it. */
export interface Artifact {
  /** How it is called in the manifest: relative to the workspace, with `/`. */
  readonly path: string;
  readonly bytes: number;
  /** Of a file its content's; of a folder that of one line `{sha256 or -> target}  {path}` for each file, sorted as `files`, ended by line feeds. */
  readonly sha256: string;
  /** Of a folder. */
  readonly files?: readonly OutputFile[];
}

export interface ArtifactQuery {
  readonly path: string;
  /** Absolute. */
  readonly location: string;
}

/** Files open at a time, far below every system's limit. */
const AT_A_TIME = 16;

async function factOf(folder: string, path: string, isLink: boolean): Promise<OutputFile> {
  const name = path.split(sep).join('/');
  return isLink ? { path: name, link: await readlink(join(folder, path)) } : { path: name, ...await hashFile(join(folder, path)) };
}

/**
 * Every file below `folder` with its size and digest.
 * @param except tells by absolute path which files to leave out
 * @throws Error when the folder cannot be read, or holds what is neither file, folder nor link, or a name that is not UTF-8
 */
export async function outputFacts(folder: string, except: (file: string) => boolean = () => false): Promise<OutputFacts> {
  const root = resolve(folder);
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const found = entries.filter((entry) => !entry.isDirectory()).map((entry) => {
    const path = relative(root, join(entry.parentPath, entry.name));
    if (path.includes('\ufffd')) throw new Error(`${printable(join(folder, path))}: the name is not valid UTF-8, so no manifest can hold it; rename the file`);
    if (!entry.isFile() && !entry.isSymbolicLink()) throw new Error(`${path} is neither a file, a folder nor a link`);
    return { path, isLink: entry.isSymbolicLink() };
  });
  const listed = found.filter(({ path }) => !except(join(root, path)));
  const files: OutputFile[] = new Array<OutputFile>(listed.length);
  let next = 0;
  const work = async (): Promise<void> => {
    for (let index = next++; index < listed.length; index = next++) {
      const one = listed[index];
      if (one !== undefined) files[index] = await factOf(root, one.path, one.isLink);
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, work));
  files.sort((a, b) => (a.path < b.path ? -1 : 1));
  return { files, bytes: files.reduce((sum, file) => sum + ('bytes' in file ? file.bytes : 0), 0) };
}

/** Digest of a listing; see {@link Artifact.sha256}. */
export function listingDigest(files: readonly OutputFile[]): string {
  const hash = createHash('sha256');
  for (const file of files) hash.update(`${'link' in file ? `-> ${file.link}` : file.sha256}  ${file.path}\n`);
  return hash.digest('hex');
}

/**
 * Facts of one artifact.
 * @throws Error that names it when it does not exist, cannot be read, or is neither file nor folder
 */
export async function artifactFacts({ path, location }: ArtifactQuery, except: (file: string) => boolean = () => false): Promise<Artifact> {
  const stats = await lstat(location).catch((cause: unknown) => {
    if (isMissing(cause)) throw new Error(`artifact ${path} does not exist; was it built?`, { cause });
    throw cause;
  });
  if (stats.isDirectory()) {
    const { files, bytes } = await outputFacts(location, except);
    return { path, bytes, sha256: listingDigest(files), files };
  }
  if (!stats.isFile()) throw new Error(`artifact ${path} is neither a file nor a folder (${basename(location)})`);
  return { path, ...await hashFile(location) };
}
