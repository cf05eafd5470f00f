/** A walker that looks after what it deployed: until the watch is over it lives on, holds no lock, and stands on record in the folder of its run. */
import { readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { WatchContext } from '../engine/watch.js';
import { watch, watchTime } from '../engine/watch.js';
import type { ChangeResult } from '../engine/request.js';
import type { ReleaseId } from '../model/index.js';
import { isMissing, keyName, readIfThere, writeAtomically, type ServiceKey } from '../releases/index.js';
import { isAlive } from '../shell/process-table.js';
import { openEventLog, type EventLog } from './event-log.js';
import { readWalker, runFolder, type RunFolder } from './run-folder.js';

/** Which service is looked after. */
export interface Watched {
  readonly key: ServiceKey;
  /** Names the engine that it runs on: two engines are two worlds. */
  readonly on: string;
}

export interface WatchRecord {
  /** Of the key and of what the service runs on. */
  readonly name: string;
  readonly run: string;
  readonly release: ReleaseId;
  /** What is gone back to. */
  readonly previous?: ReleaseId;
  /** ISO time. */
  readonly until: string;
}

export interface FoundWatch extends WatchRecord {
  /** False: the process that watched was killed before the watch was over. */
  readonly alive: boolean;
}

export interface Watching {
  /** What the command is told. */
  readonly result: ChangeResult;
  /** Resolves when the watch is over. */
  readonly ended: Promise<unknown>;
}

export type BeginWatch = (context: Omit<WatchContext, 'signal' | 'actor'>, left: AbortSignal) => Promise<Watching>;

function nameOf({ key, on }: Watched): string {
  return `${keyName(key)} ${on}`;
}

/** What goes on of a watch once the command has its result is told in a file of its own. `stop` ends the watch. */
export function watcher(run: RunFolder, watched: Watched, stop: AbortSignal): BeginWatch {
  return async (context, left) => {
    const { request, result } = context;
    const ms = watchTime(request, result);
    if (ms === 0 || result.release === undefined) return { result, ended: Promise.resolve() };
    const known = result.previous === undefined ? await takeOver(run, watched, result.release) : result;
    const { previous } = known;
    const record: WatchRecord = { name: nameOf(watched), run: request.run, release: result.release, until: new Date(Date.now() + ms).toISOString(), ...(previous === undefined ? {} : { previous }) };
    // Nobody is told of a watch that is not on record, and it is one all the same.
    await writeAtomically(run.watch, JSON.stringify(record)).catch(() => undefined);
    const after = openAfter(run);
    let told = false;
    const goal = previous === undefined ? result : { ...result, previous };
    const ended = watch({
      ...context, result: goal, actor: { ...request.actor, pid: process.pid }, signal: stop,
      // The file of the run ends with its result.
      emit: (event) => (told ? after?.event(event) : context.emit(event)),
    }).then(async (outcome) => {
      await close(run, after, outcome);
      return outcome;
    });
    const outcome = request.watch?.attached === true
      ? await Promise.race([ended.then((end) => (end.outcome === 'done' ? result : { ...end, run: result.run })), once(left).then(() => result)])
      : result;
    told = true;
    return { result: outcome, ended };
  };
}

/** A disk without room costs what is told, not the watch. */
function openAfter(run: RunFolder): EventLog | undefined {
  try {
    return openEventLog(run.after);
  } catch {
    return undefined;
  }
}

async function close(run: RunFolder, after: EventLog | undefined, outcome: ChangeResult): Promise<void> {
  try {
    after?.result(outcome);
  } catch {
    // Told nowhere; the ledger has what was done.
  }
  await rm(run.watch, { force: true }).catch(() => undefined);
}

/** The same release was deployed again, to start what had ended, say: the watch that knows what to go back to ends, and this one knows it. */
async function takeOver(run: RunFolder, watched: Watched, release: ReleaseId): Promise<{ readonly previous?: ReleaseId }> {
  const runs = dirname(run.folder);
  const earlier = (await findWatches(runs, watched).catch(() => [])).find((found) => found.alive && found.release === release);
  if (earlier === undefined) return {};
  const other = runFolder(join(runs, earlier.run));
  const record = await readWalker(other);
  if (record !== undefined && await isAlive(record.pid, record.identity)) {
    try {
      process.kill(record.pid, 'SIGTERM');
    } catch {
      // It has just ended.
    }
  }
  return earlier.previous === undefined ? {} : { previous: earlier.previous };
}

/** The watches over a service by walkers of this home, those of killed walkers too. */
export async function findWatches(runs: string, watched: Watched): Promise<readonly FoundWatch[]> {
  const names = await readdir(runs).catch((error: unknown) => {
    if (isMissing(error)) return [];
    throw error;
  });
  const found = await Promise.all(names.map(async (name) => {
    const folder = runFolder(join(runs, name));
    const record = await readRecord(folder);
    if (record?.name !== nameOf(watched)) return [];
    const walker = await readWalker(folder);
    return [{ ...record, alive: walker !== undefined && await isAlive(walker.pid, walker.identity) }];
  }));
  return found.flat();
}

async function readRecord({ watch: file }: RunFolder): Promise<WatchRecord | undefined> {
  try {
    const value: unknown = JSON.parse(await readIfThere(file) ?? 'null');
    return isRecord(value) ? value : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function isRecord(value: unknown): value is WatchRecord {
  return typeof value === 'object' && value !== null && ['name', 'run', 'release', 'until'].every((key) => typeof (value as Record<string, unknown>)[key] === 'string');
}

function once(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
