/** Ends the process group of a hook whose runner is gone. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Ms } from '../model/index.js';
import { startedWithAll } from '../shell/open-files.js';
import { identity, isAlive, isOrphaned, sessionMembers } from '../shell/process-table.js';
import { killGroup } from '../shell/run.js';

export interface Orphan {
  readonly run: string;
  readonly hook: string;
  /** Unknown when the runner ended while it started the hook. */
  readonly process?: StartedHook | undefined;
}

/** The leader of a hook's process group, which leads a session as well. */
export interface StartedHook {
  readonly pid: number;
  /** Tells it from a later process with the same number. */
  readonly identity: string;
}

export interface Patience {
  /** From SIGTERM to SIGKILL. */
  readonly term: Ms;
  /** From SIGKILL on; what has not ended by then hangs in the kernel. */
  readonly kill: Ms;
}

const PATIENCE: Patience = { term: 5_000, kill: 10_000 };
const POLL: Ms = 25;

/** Undefined when it has ended. */
export async function startedHook(pid: number): Promise<StartedHook | undefined> {
  const known = await identity(pid);
  return known === undefined ? undefined : { pid, identity: known };
}

/** The numbers of the processes that were found and have ended; none when there were none. Rejects, naming those that SIGKILL does not end. */
export async function endOrphan(orphan: Orphan, patience: Patience = PATIENCE): Promise<readonly number[]> {
  const found = await membersOf(orphan);
  if (found.length === 0) return [];
  for (const [signal, limit] of [['SIGTERM', patience.term], ['SIGKILL', patience.kill]] as const) {
    const end = performance.now() + limit;
    for (let left = await membersOf(orphan), first = true; left.length > 0 && (first || performance.now() < end); left = await membersOf(orphan), first = false) {
      // SIGTERM is for a program to end in order, so it is sent once. What starts anew under SIGKILL is met by the next look.
      if (first || signal === 'SIGKILL') signalAll(orphan, left, signal);
      await sleep(POLL);
    }
  }
  const left = await membersOf(orphan);
  if (left.length > 0) throw new Error(`${left.length} of its processes do not end: ${left.join(', ')}`);
  return found;
}

/** By the number that is on record, if that is still the same process; else by the variables that every hook is started with. */
async function membersOf({ run, hook, process: started }: Orphan): Promise<readonly number[]> {
  if (started === undefined) return startedWithAll({ NX_DEPLOY_RUN: run, NX_DEPLOY_HOOK: hook });
  const { pid, identity: known } = started;
  return await isAlive(pid, known) || await isOrphaned(pid, known) ? sessionMembers(pid) : [];
}

function signalAll({ process: started }: Orphan, members: readonly number[], signal: NodeJS.Signals): void {
  if (started !== undefined) killGroup(started.pid, signal);
  for (const pid of members) {
    try {
      // The group has it by now; one that left the group and not the session has not.
      if (started === undefined || signal === 'SIGKILL') process.kill(pid, signal);
    } catch {
      // ESRCH: it has ended.
    }
  }
}
