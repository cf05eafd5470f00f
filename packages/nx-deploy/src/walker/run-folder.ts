/** The folder of one run whose walker is a process of its own: what it tells, who it is, its own log. */
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DeployError, errorCode } from '../errors.js';
import { PRIVATE_FOLDER, readIfThere, writeAtomically } from '../releases/index.js';
import { identity, isAlive } from '../shell/process-table.js';

export interface RunFolder {
  readonly folder: string;
  /** RunMessages, one a line; the result is the last. */
  readonly events: string;
  /** Names the walker: process id, identity, when it was started. */
  readonly walker: string;
  /** What the walker's program itself has to say, faults above all. */
  readonly log: string;
  /** Names what is looked after, as long as the walker does so. */
  readonly watch: string;
  /** What is told of that once the result is there. */
  readonly after: string;
}

export interface WalkerRecord {
  readonly pid: number;
  readonly identity: string;
  /** ISO time. */
  readonly startedAt: string;
}

/** Runs whose folders stay. */
const KEEP_RUNS = 50;
const RUN_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

export function runFolder(folder: string): RunFolder {
  return { folder, events: join(folder, 'events.jsonl'), walker: join(folder, 'walker.json'), log: join(folder, 'walker.log'), watch: join(folder, 'watch.json'), after: join(folder, 'watch.jsonl') };
}

/** Makes the folder of a new run below `runs`, and removes those of old runs whose walkers have ended. */
export async function createRunFolder(runs: string, run: string): Promise<RunFolder> {
  if (!RUN_NAME.test(run)) throw new DeployError('ND-OPTION-INVALID', { what: `${JSON.stringify(run.slice(0, 100))} cannot be the name of a run` });
  await mkdir(runs, { recursive: true, mode: PRIVATE_FOLDER });
  const made = runFolder(join(runs, run));
  await mkdir(made.folder, { mode: PRIVATE_FOLDER }).catch((error: unknown) => {
    throw errorCode(error) === 'EEXIST' ? new DeployError('ND-LOCKED', { what: `there is a run ${run} already`, next: 'run the command again' }) : error;
  });
  // What an old run left is of no consequence for a new one.
  await removeOld(runs, made.folder).catch(() => undefined);
  return made;
}

/** The folder of a run that a walker of this home does or did; undefined when there is none. */
export async function findRun(runs: string, run: string): Promise<RunFolder | undefined> {
  if (!RUN_NAME.test(run)) return undefined;
  const found = runFolder(join(runs, run));
  return await readWalker(found) === undefined ? undefined : found;
}

export async function recordWalker({ walker }: RunFolder, pid: number): Promise<void> {
  const record: WalkerRecord = { pid, identity: await identity(pid) ?? '', startedAt: new Date().toISOString() };
  await writeAtomically(walker, JSON.stringify(record));
}

/** Undefined when it was never started; then there is no such file, or not a whole one. */
export async function readWalker({ walker }: RunFolder): Promise<WalkerRecord | undefined> {
  try {
    const value: unknown = JSON.parse(await readIfThere(walker) ?? 'null');
    return isWalkerRecord(value) ? value : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

export async function walkerLives(run: RunFolder): Promise<boolean> {
  const record = await readWalker(run);
  return record !== undefined && isAlive(record.pid, record.identity);
}

function isWalkerRecord(value: unknown): value is WalkerRecord {
  return typeof value === 'object' && value !== null && 'pid' in value && typeof value.pid === 'number' && value.pid > 1
    && 'identity' in value && typeof value.identity === 'string' && value.identity !== '';
}

async function removeOld(runs: string, current: string): Promise<void> {
  const folders = (await readdir(runs)).map((name) => join(runs, name)).filter((folder) => dirname(folder) === runs && folder !== current);
  const dated = await Promise.all(folders.map(async (folder) => ({ folder, at: (await stat(folder)).mtimeMs })));
  for (const { folder } of dated.sort((a, b) => b.at - a.at).slice(KEEP_RUNS - 1)) {
    if (!await walkerLives(runFolder(folder))) await rm(folder, { recursive: true, force: true });
  }
}
