/** Frees the lock of a service on an engine. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { TaskResult } from '../../engine/task.js';
import { DeployError } from '../../errors.js';
import { formatDuration, type Emit, type Ms } from '../../model/index.js';
import { isTask, type LockHolder, type ServiceKey, type StateStore } from '../../releases/index.js';
import { cancelRun } from '../../walker/attach.js';
import { findRun } from '../../walker/run-folder.js';

export interface UnlockOnEngine {
  readonly state: StateStore;
  /** Folder with a folder for each run of a walker of this machine. */
  readonly runs: string;
  readonly key: ServiceKey;
  /** Name of the unlocking itself. */
  readonly run: string;
  /** How long the holder has to restore what ran before. */
  readonly wait: Ms;
  readonly emit: Emit;
}

/** ms between two looks. */
const POLL = 250;

/** Has the run that holds the lock restore what ran before; one that does not do so in time loses the lock. */
export async function unlockOnEngine({ state, runs, key, run, wait, emit }: UnlockOnEngine): Promise<TaskResult> {
  const started = performance.now();
  const { service, environment } = key;
  const holder = await state.lock.holder();
  if (holder === undefined) throw new DeployError('ND-NOT-LOCKED', { what: `nothing holds the lock of ${service} (${environment})`, next: 'deploy; status shows whether a change was interrupted' });
  const notes: string[] = [];
  const say = (text: string): void => {
    notes.push(text);
    emit({ type: 'note', text });
  };
  const { action, actor, since } = holder;
  say(`the ${action} ${holder.run} holds the lock, by ${actor.user}@${actor.host} (process ${actor.pid}) since ${since}`);
  say(await asked(holder, runs, wait));
  const how = await freed(state, holder, wait, say);
  return { outcome: 'done', run, action: 'unlock', service, environment, notes, holder, how, durationMs: Math.round(performance.now() - started) };
}

async function asked({ action, run, actor }: LockHolder, runs: string, wait: Ms): Promise<string> {
  if (isTask(action)) return `a ${action} cannot be cancelled, and has nothing to go back to; it has ${formatDuration(wait)} to end`;
  const walker = await findRun(runs, run);
  if (walker === undefined) return `it cannot be asked to restore from here: it was started on ${actor.host}; it has ${formatDuration(wait)} to end`;
  return await cancelRun(walker) ? 'it was asked to restore what ran before' : 'its process has ended';
}

async function freed(state: StateStore, { run }: LockHolder, wait: Ms, say: (text: string) => void): Promise<'ended' | 'revoked'> {
  const end = performance.now() + wait;
  do {
    if ((await state.lock.holder())?.run !== run) {
      say('it has ended, and the lock is free');
      return 'ended';
    }
    await sleep(Math.min(POLL, wait));
  } while (performance.now() < end);
  if (!await state.lock.revoke(run)) return 'ended';
  say('it did not end in time, so the lock was taken away from it: it can change nothing any more; what it had begun is on record, and the next deploy or repair settles it');
  return 'revoked';
}
