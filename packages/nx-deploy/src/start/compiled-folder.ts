/** Where what V8 made of the programs is kept: `compiled` in the home. Whoever may write there decides what the programs do. */
import { lstatSync, mkdirSync, readdirSync, rmSync, statSync, utimesSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { homeFolder } from '../agent/home-folder.js';

const DAY = 24 * 60 * 60_000;
/** What is still wanted after that is made once more. */
const KEPT = 30 * DAY;
const SWEPT = 'swept';
const WRITABLE_BY_OTHERS = 0o022;
const COPY_NAME = /^[0-9a-f]{16}$/;

/** Path of the folder for the programs in `folder`: a copy of them (`code/<digest>`) lies in the home itself. Undefined when it is not to be used. */
export function compiledFolder(folder: string, variables: NodeJS.ProcessEnv): string | undefined {
  try {
    const copied = COPY_NAME.test(basename(folder)) && basename(dirname(folder)) === 'code';
    const home = copied ? dirname(dirname(folder)) : homeFolder(variables);
    // The home is made by what needs it, and with sudo it may be that of somebody else.
    if (home === undefined || !isPrivate(home)) return undefined;
    const compiled = join(home, 'compiled');
    mkdirSync(compiled, { recursive: true, mode: 0o700 });
    return isPrivate(compiled) ? compiled : undefined;
  } catch {
    return undefined;
  }
}

function isPrivate(folder: string): boolean {
  const found = lstatSync(folder);
  return found.isDirectory() && found.uid === process.getuid?.() && (found.mode & WRITABLE_BY_OTHERS) === 0;
}

/**
 * A file for each command, as each needs other code; for each place, as two workspaces may have two versions; and for each Node. Undefined for an option
 * without a command (`--version`): reading would take longer than compiling what little that needs.
 */
export function compiledName(program: string, [command = '-']: readonly string[]): string | undefined {
  if (command.startsWith('-')) return undefined;
  const place = process.getBuiltinModule('node:crypto').createHash('sha256').update(program).digest('hex').slice(0, 16);
  return [basename(program, '.main.js'), ...(/^[a-z-]{1,20}$/.test(command) ? [command] : []), `${process.version}-${process.arch}`, place].join('.');
}

/** Once a day, removes what was made a month ago. @throws a system error */
export function sweep(compiled: string, now = Date.now()): void {
  const mark = join(compiled, SWEPT);
  const last = statSync(mark, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (now - last < DAY) return;
  removeOld(compiled, now - KEPT);
  mkdirSync(mark, { recursive: true, mode: 0o700 });
  utimesSync(mark, now / 1000, now / 1000);
}

/** Node's own cache has folders. */
function removeOld(folder: string, before: number): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) removeOld(path, before);
    else if (statSync(path).mtimeMs < before) rmSync(path, { force: true });
  }
}
