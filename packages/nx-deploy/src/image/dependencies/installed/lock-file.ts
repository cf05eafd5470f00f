/** Package managers and their lock files: which versions go together, and is a lock file whole? Found out before anything reads it. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { quoted } from '../../../archive/manifest.js';
import { DeployError } from '../../../errors.js';
import type { Manager, ManagerName } from './package-program.js';
import { parseBunLock } from './prune-bun.js';

export type Release = readonly [major: number, minor: number];

interface Support {
  /** Of the program. */
  readonly oldest: Release;
  /** Versions of lock files, the lowest first; each is read by releases since, as is what lies between it and the next one. */
  readonly locks: readonly { readonly version: number; readonly since: Release }[];
}

/**
 * npm: 10.8 came with the oldest Node that is supported; lock files of version 2 and 3 list packages by folder, 1 does not (docs.npmjs.com, "package-lock.json", lockfileVersion).
 * pnpm: 9.0 writes version 9.0 and so does every one since; what older ones wrote has other keys (github.com/pnpm/spec, "lockfile").
 * yarn 1: before 1.22 there is no frozen install of one folder; its lock file never changed ("yarn lockfile v1").
 * yarn: 2 and 3 are no longer kept up. 4.0 writes version 8, and every 4.x reads what a later one wrote (yarnpkg/berry, Project.ts: LOCKFILE_VERSION, lockfileNeedsRefresh).
 * bun: since 1.2 lock files are text, of version 0 or 1 (bun.com/docs/pm/lockfile); 1.4 writes version 2, which older ones pass over (bun.com/reference/bun/BunLockFile).
 */
const SUPPORT: Readonly<Record<ManagerName | 'yarn 1', Support>> = {
  npm: { oldest: [10, 8], locks: [{ version: 2, since: [10, 8] }] },
  pnpm: { oldest: [9, 0], locks: [{ version: 9, since: [9, 0] }] },
  'yarn 1': { oldest: [1, 22], locks: [{ version: 1, since: [1, 22] }] },
  yarn: { oldest: [4, 0], locks: [{ version: 8, since: [4, 0] }] },
  bun: { oldest: [1, 2], locks: [{ version: 0, since: [1, 2] }, { version: 2, since: [1, 4] }] },
};
const CONFLICT = /^(?:<{7}|={7}|>{7})(?: |$)/m;

/** With the version of yarn that matters. */
export function titleOf({ name, classic }: Manager): ManagerName | 'yarn 1' {
  return classic === true ? 'yarn 1' : name;
}

/** The oldest release that can install from a lock file of that version; without one, from the oldest that is supported. */
export function oldestRelease(manager: Manager, lockVersion?: number): Release {
  const { oldest, locks } = SUPPORT[titleOf(manager)];
  return lockVersion === undefined ? oldest : locks.filter(({ version }) => version <= lockVersion).at(-1)?.since ?? oldest;
}

/** The text of a lock file that can be installed from; empty for a binary one. @throws DeployError ND-LOCKFILE for one that is damaged, unmerged or of an old version. */
export async function readLock(manager: Manager, folder: string): Promise<string> {
  if (manager.lockFile === 'bun.lockb') return '';
  const file = join(folder, manager.lockFile);
  const text = await readFile(file, 'utf8');
  const refuse = (why: string, next: string): DeployError => new DeployError('ND-LOCKFILE', { what: 'the dependencies cannot be installed from this lock file', where: file, why, next });
  const install = `${manager.name} install`;
  if (text.trim() === '') throw refuse('it is empty', `take it from the version control again, or run: ${install}`);
  const conflict = CONFLICT.exec(text);
  if (conflict !== null) throw refuse(`line ${text.slice(0, conflict.index).split('\n').length} is a mark of a merge conflict`, `resolve the conflict in package.json, take one side of the lock file, and run: ${install}`);
  const version = lockVersion(manager, text);
  if (version === undefined) throw refuse(`it is damaged: ${whatIsWrong(manager, text)}`, `take it from the version control again, or run: ${install}`);
  const lowest = SUPPORT[titleOf(manager)].locks[0]?.version ?? 0;
  if (version < lowest) throw refuse(`it is of version ${version}, and at least ${lowest} is needed`, `run ${install} with ${manager.name} ${oldestRelease(manager).join('.')} or newer, and commit the lock file`);
  return text;
}

/** What the lock file says about itself; undefined when it cannot be read. */
export function lockVersion(manager: Manager, text: string): number | undefined {
  switch (titleOf(manager)) {
    case 'npm': return numberOf(jsonOf(text)?.['lockfileVersion']);
    case 'bun': return numberOf(parseBunLock(text)?.lockfileVersion);
    case 'pnpm': return numberOf(/^lockfileVersion: '?([\d.]+)'?\s*$/m.exec(text)?.[1]);
    case 'yarn': return numberOf(/^__metadata:\r?\n {2}version: "?(\d+)"?\r?$/m.exec(text)?.[1]);
    case 'yarn 1': return numberOf(/^# yarn lockfile v(\d+)\r?$/m.exec(text)?.[1]);
  }
}

function numberOf(value: unknown): number | undefined {
  const number = typeof value === 'string' ? Number.parseFloat(value) : value;
  return typeof number === 'number' && Number.isFinite(number) ? number : undefined;
}

function jsonOf(text: string): Record<string, unknown> | undefined {
  try {
    const found: unknown = JSON.parse(text);
    return typeof found === 'object' && found !== null ? found as Record<string, unknown> : undefined;
  } catch {
    return undefined;
  }
}

function whatIsWrong({ name }: Manager, text: string): string {
  const version = { npm: '"lockfileVersion"', bun: '"lockfileVersion"', pnpm: '"lockfileVersion"', yarn: 'its version' }[name];
  const first = quoted(text.trimStart().split('\n')[0]?.slice(0, 60) ?? '');
  return name === 'npm' || name === 'bun' ? `it is no JSON with ${version}; it may be cut off` : `it does not say ${version}; it begins with ${first}`;
}
