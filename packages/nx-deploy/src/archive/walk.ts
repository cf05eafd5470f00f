import { readdirSync } from 'node:fs';
import { lstat, readlink } from 'node:fs/promises';
import { isAbsolute, join, posix, relative, sep } from 'node:path';
import { errorCode } from '../errors.js';
import { quoted } from './manifest.js';

/** What was found, relative to the folder that the walk began in. */
export interface Found {
  readonly files: readonly string[];
  readonly links: readonly { readonly path: string; readonly link: string }[];
  /** What cannot be deployed, one line each. */
  readonly problems: readonly string[];
}

const FOLDERS_A_TURN = 64;
/** Folders that no program needs when it runs. */
const NEVER = new Set(['.git', '.hg', '.svn', '.nx']);
/** Variables reach an instance by its environment; a file that holds them would put secrets into the artifact. */
const ENVIRONMENT_FILE = /^(\.env(rc|[-._][^/]*)?|[^/]+\.env)$/i;
/** Where programs keep what they log in with. A package from a registry may bring one along, which holds nothing. */
const LOGIN_FILE = /^(\.npmrc|\.yarnrc(\.yml)?|\.netrc|_netrc|\.pgpass|\.git-credentials)$/i;

/** Is this a file that never becomes part of an artifact? */
export function isLeftOut(path: string): boolean {
  const name = path.slice(path.lastIndexOf('/') + 1);
  return ENVIRONMENT_FILE.test(name) || (LOGIN_FILE.test(name) && !path.split('/').includes('node_modules'));
}

/** Lists a folder with everything below it. Links are read, never followed; empty folders leave no trace. `skip`: names of folders to leave out. */
export async function walk(root: string, skip: ReadonlySet<string> = new Set()): Promise<Found> {
  const files: string[] = [];
  const links: { path: string; link: string }[] = [];
  const problems: string[] = [];
  const folders = [''];
  let count = 0;
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    // By way of the thread pool each of hundreds of folders would take ten times as long; timers and signals have their turn as well.
    count += 1;
    if (count % FOLDERS_A_TURN === 0) await new Promise(setImmediate);
    // Without a look at each of its parts: for thousands of names that takes as long as to list them.
    const prefix = folder === '' ? '' : `${folder}/`;
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      const path = `${prefix}${entry.name}`;
      if (entry.name.includes('\ufffd') && !await there(join(root, path))) problems.push(`${quoted(path)}: the name is no valid UTF-8`);
      else if (entry.isDirectory()) {
        if (!skip.has(entry.name) && !NEVER.has(entry.name)) folders.push(path);
      } else if (entry.isFile()) files.push(path);
      else if (entry.isSymbolicLink()) links.push({ path, link: await readLink(root, path) });
      else problems.push(`${quoted(path)}: it is a ${entry.isSocket() ? 'socket' : entry.isFIFO() ? 'named pipe' : 'device'}`);
    }
  }
  return { files, links, problems };
}

/** The target of a link. One that is absolute but inside `root` becomes relative, so that it survives the move. */
export async function readLink(root: string, path: string): Promise<string> {
  const target = await readlink(join(root, path));
  if (!isAbsolute(target)) return target;
  const inside = relative(root, target);
  return inside === '..' || inside.startsWith(`..${sep}`) || isAbsolute(inside) ? target : posix.relative(posix.dirname(path), inside) || '.';
}

async function there(path: string): Promise<boolean> {
  return lstat(path).then(() => true, (error: unknown) => errorCode(error) !== 'ENOENT');
}
