/** Files of a package's folder: which there are, and their digests. Nothing outside of the folder is ever read. */
import { createHash } from 'node:crypto';
import { lstatSync, readFileSync, readlinkSync, realpathSync, statSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { hashFile } from '../hash-file.js';

/** Bytes up to which a file is read whole. */
const SMALL = 256 * 1024;
/** Bytes of a text that is read whole: a list, a statement, a bundle. */
const MOST_TEXT = 64 * 1024 * 1024;

export interface Present {
  /** Relative to the folder, with `/`. */
  readonly path: string;
  /** What stands in it, where it is a symbolic link. */
  readonly target?: string;
  /** Why no list can tell of it, in words that go on after its name. `path` and `target` are then only near to what they are. */
  readonly problem?: string;
}

/** All that is no folder below `folder`; sorted by UTF-16 code units. No link is followed, and no folder entered whose name is not UTF-8. */
export async function entriesBelow(folder: string): Promise<readonly Present[]> {
  const found: Present[] = [];
  await collect(Buffer.from(resolve(folder)), '', found);
  return found.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** By the bytes of the names: two names that are not UTF-8 may be the same text. */
async function collect(folder: Buffer, above: string, found: Present[]): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true, encoding: 'buffer' })) {
    const name = entry.name.toString('utf8');
    const path = `${above}${name}`;
    const file = Buffer.concat([folder, Buffer.from(sep), entry.name]);
    if (!Buffer.from(name, 'utf8').equals(entry.name)) found.push({ path, problem: 'has a name that is not UTF-8' });
    else if (entry.isDirectory()) await collect(file, `${path}/`, found);
    else found.push(entry.isSymbolicLink() ? linkOf(path, readlinkSync(file, 'buffer')) : { path });
  }
}

function linkOf(path: string, bytes: Buffer): Present {
  const target = bytes.toString('utf8');
  return Buffer.from(target, 'utf8').equals(bytes) ? { path, target } : { path, target, problem: 'leads to a name that is not UTF-8' };
}

/** Tells why a path is no file of the folder that can be hashed; undefined when it is one. */
function judgeOf(folder: string): (path: string) => string | undefined {
  const root = realpathSync(folder);
  const parents = new Map<string, string>();
  const realParent = (path: string): string => {
    const parent = dirname(path);
    const known = parents.get(parent) ?? realpathSync(parent);
    parents.set(parent, known);
    return known;
  };
  const leaves = (path: string): boolean => {
    const inside = relative(root, path);
    return inside === '..' || inside.startsWith(`..${sep}`) || isAbsolute(inside);
  };
  return (path) => {
    try {
      const file = join(root, path);
      const facts = lstatSync(file);
      if (leaves(join(realParent(file), basename(file)))) return 'leads out of the folder';
      if (facts.isSymbolicLink()) return 'is a link, and should be a file';
      return facts.isFile() ? undefined : 'is no file';
    } catch (error) {
      return isMissing(error) ? 'is missing' : `cannot be read (${codeOf(error)})`;
    }
  };
}

/** Digests of files, or why one can have none in words that go on after its name. */
export async function digestsOf(folder: string, paths: readonly string[]): Promise<readonly { readonly path: string; readonly sha256?: string; readonly why?: string }[]> {
  const judge = judgeOf(folder);
  const found: { path: string; sha256?: string; why?: string }[] = [];
  for (const path of paths) {
    const why = judge(path);
    found.push(why === undefined ? await digestOf(folder, path) : { path, why });
  }
  return found;
}

/** Of a small file without a detour through the thread pool, which would take most of the time where there are many. */
async function digestOf(folder: string, path: string): Promise<{ readonly path: string; readonly sha256?: string; readonly why?: string }> {
  const file = join(folder, path);
  try {
    const small = statSync(file).size <= SMALL;
    return { path, sha256: small ? createHash('sha256').update(readFileSync(file)).digest('hex') : (await hashFile(file)).sha256 };
  } catch (error) {
    return { path, why: `cannot be read (${codeOf(error)})` };
  }
}

/** Bytes of a file of the folder; undefined when there is none. @throws Error that goes on after its name, when it is something else or too big */
export async function bytesOf(folder: string, path: string): Promise<Buffer | undefined> {
  const why = judgeOf(folder)(path);
  if (why === 'is missing') return undefined;
  if (why !== undefined) throw new Error(why);
  const { size } = await stat(join(folder, path));
  if (size > MOST_TEXT) throw new Error(`is bigger than ${MOST_TEXT} bytes`);
  return readFile(join(folder, path));
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'unknown';
}

function isMissing(error: unknown): boolean {
  return codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR';
}
