import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, readlink } from 'node:fs/promises';
import { join, relative, resolve, sep } from 'node:path';

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

/** Files open at a time, far below every system's limit. */
const AT_A_TIME = 16;

async function hashFile(folder: string, path: string): Promise<OutputFile> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of createReadStream(join(folder, path)) as AsyncIterable<Buffer>) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  return { path: path.split(sep).join('/'), bytes, sha256: hash.digest('hex') };
}

async function factOf(folder: string, path: string, isLink: boolean): Promise<OutputFile> {
  return isLink ? { path: path.split(sep).join('/'), link: await readlink(join(folder, path)) } : hashFile(folder, path);
}

/**
 * Every file below `folder` with its size and digest.
 * @param except tells by absolute path which files to leave out
 * @throws Error when the folder cannot be read, or holds what is neither file, folder nor link
 */
export async function outputFacts(folder: string, except: (file: string) => boolean = () => false): Promise<OutputFacts> {
  const root = resolve(folder);
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const found = entries.filter((entry) => !entry.isDirectory()).map((entry) => {
    const path = relative(root, join(entry.parentPath, entry.name));
    if (!entry.isFile() && !entry.isSymbolicLink()) throw new Error(`${path} is neither a file, a folder nor a link`);
    return { path, isLink: entry.isSymbolicLink() };
  });
  const listed = found.filter(({ path }) => !except(join(root, path)));
  const files: OutputFile[] = [];
  for (let at = 0; at < listed.length; at += AT_A_TIME) {
    files.push(...await Promise.all(listed.slice(at, at + AT_A_TIME).map(async ({ path, isLink }) => factOf(root, path, isLink))));
  }
  files.sort((a, b) => (a.path < b.path ? -1 : 1));
  return { files, bytes: files.reduce((sum, file) => sum + ('bytes' in file ? file.bytes : 0), 0) };
}
