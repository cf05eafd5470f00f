/** Files of a package's folder: which there are, and their digests. Nothing outside of the folder is ever read. */
import { lstat, readdir, readFile, realpath, stat } from 'node:fs/promises';
import { isAbsolute, join, relative, resolve, sep } from 'node:path';
import { hashFile } from '../hash-file.js';

/** Files open at a time, far below every system's limit. */
const AT_A_TIME = 16;
/** Bytes of a text that is read whole: a list, a statement, a bundle. */
const MOST_TEXT = 64 * 1024 * 1024;

/** Relative paths, with `/`, of all that is no folder below `folder`; sorted by UTF-16 code units. */
export async function filesBelow(folder: string): Promise<readonly string[]> {
  const root = resolve(folder);
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => !entry.isDirectory()).map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join('/')).sort();
}

/**
 * Why `path` is no file of the folder that can be hashed; undefined when it is one. A link may lead to a file in the folder and nowhere else.
 * @param root the folder's real path
 */
async function unusable(root: string, path: string): Promise<string | undefined> {
  try {
    const real = await realpath(join(root, path));
    const inside = relative(root, real);
    if (inside === '..' || inside.startsWith(`..${sep}`) || isAbsolute(inside)) return 'leads out of the folder';
    if ((await stat(real)).isFile()) return undefined;
    return (await lstat(join(root, path))).isSymbolicLink() ? 'is a link to something that is no file' : 'is no file';
  } catch (error) {
    return codeOf(error) === 'ENOENT' ? 'is missing' : `cannot be read (${codeOf(error)})`;
  }
}

/** Digests of files, or why one can have none in words that go on after its name. */
export async function digestsOf(folder: string, paths: readonly string[]): Promise<readonly { readonly path: string; readonly sha256?: string; readonly why?: string }[]> {
  const root = await realpath(folder);
  const found: { path: string; sha256?: string; why?: string }[] = [];
  for (let at = 0; at < paths.length; at += AT_A_TIME) {
    found.push(...await Promise.all(paths.slice(at, at + AT_A_TIME).map(async (path) => {
      const why = await unusable(root, path);
      return why === undefined ? { path, sha256: (await hashFile(join(root, path))).sha256 } : { path, why };
    })));
  }
  return found;
}

/** Bytes of a file of the folder; undefined when there is none. @throws Error that goes on after its name, when it is something else or too big */
export async function bytesOf(folder: string, path: string): Promise<Buffer | undefined> {
  const why = await unusable(await realpath(folder), path);
  if (why === 'is missing') return undefined;
  if (why !== undefined) throw new Error(why);
  const { size } = await stat(join(folder, path));
  if (size > MOST_TEXT) throw new Error(`is bigger than ${MOST_TEXT} bytes`);
  return readFile(join(folder, path));
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'unknown';
}
