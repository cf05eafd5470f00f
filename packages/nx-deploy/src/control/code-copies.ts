/** The agent's own copies of its code, one folder per content: `npm ci` deletes node_modules under a running agent. */
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, utimesSync, writeFileSync } from 'node:fs';
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Home } from '../agent/home.js';
import type { Ms } from '../model/index.js';
import { commandLines } from '../shell/open-files.js';
import { packageVersion } from './version.js';

const BUNDLES = ['agent.js', 'shim.js', 'walker.js'] as const;
/** Starts a program from what V8 made of it before. Where there is none the program is started itself. */
const STARTER = 'start.js';
/** The shim is too small to gain by it. */
const STARTED: ReadonlySet<string> = new Set(['agent.js', 'walker.js']);
const VERSION_FILE = 'version';
const COPY_NAME = /^[0-9a-f]{16}$/;
/** Another command may have made it just now and be about to start it. */
const FRESH: Ms = 60 * 60_000;

type Copies = Pick<Home, 'code'>;

/** Path of the agent's program in the copy of these bundles, which is made if need be. */
export function ownCopy(home: Copies, bundles: string): string {
  const hash = createHash('sha256');
  const starter = join(bundles, STARTER);
  const starts = existsSync(starter);
  for (const file of [...BUNDLES.map((name) => join(bundles, name)), ...(starts ? [starter] : [])]) hash.update(readFileSync(file));
  const folder = join(home.code, hash.digest('hex').slice(0, 16));
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const version = packageVersion(bundles);
  if (version !== undefined) put(join(folder, VERSION_FILE), (temp) => writeFileSync(temp, version, { mode: 0o600 }));
  for (const name of BUNDLES) {
    const started = starts && STARTED.has(name);
    // The starter is there last: it loads the other.
    put(join(folder, started ? name.replace(/\.js$/, '.main.js') : name), (temp) => copyFileSync(join(bundles, name), temp));
    if (started) put(join(folder, name), (temp) => copyFileSync(starter, temp));
  }
  return join(folder, 'agent.js');
}

function put(target: string, write: (temp: string) => void): void {
  if (existsSync(target)) return;
  const temp = `${target}.${process.pid}`;
  write(temp);
  renameSync(temp, target);
}

/** The version of nx-deploy that a copy is of; undefined when that was not noted. */
export function versionOf(home: Copies, code: string): string | undefined {
  try {
    return readFileSync(join(home.code, code, VERSION_FILE), 'utf8');
  } catch {
    return undefined;
  }
}

/**
 * Removes the copies that nobody needs: all but `current`, the one that was current before it, those that a process was started from, and those that are new.
 * Returns their names. Where processes cannot be looked at (no /proc) a copy that is in use has been loaded whole, and is not needed any more.
 */
export async function pruneCopies(home: Copies, current: string, now = Date.now()): Promise<readonly string[]> {
  touch(join(home.code, current), now);
  const names = (await readdir(home.code)).filter((name) => COPY_NAME.test(name) && name !== current);
  const dated = await Promise.all(names.map(async (name) => ({ name, used: (await stat(join(home.code, name))).mtimeMs })));
  const [, ...older] = dated.sort((a, b) => b.used - a.used);
  const commands = older.length === 0 ? [] : await commandLines();
  const unused = older.filter(({ name, used }) => now - used > FRESH && !commands.some((line) => line.includes(join(home.code, name))));
  await Promise.all(unused.map(({ name }) => rm(join(home.code, name), { recursive: true, force: true })));
  return unused.map(({ name }) => name);
}

/** The time of a copy is when it was last put in charge. */
function touch(folder: string, now: number): void {
  utimesSync(folder, now / 1000, now / 1000);
}
