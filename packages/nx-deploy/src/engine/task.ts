/** What takes the lock and leads to no other release: repair, prune, destroy. The frame of each, from lock to result. */
import { asDeployError, type DeployError, type SerializedError } from '../errors.js';
import type { Emit, Ms } from '../model/index.js';
import type { Platform, Upkeep } from '../platforms/platform.js';
import type { Actor, Lease, LockHolder, Task } from '../releases/index.js';
import { destroy } from './destroy.js';
import { expireWarm } from './expire.js';
import { endOrphanedHook } from './orphaned-hook.js';
import { surplus, removeAll, type Surplus } from './prune.js';
import { repair } from './repair.js';
import type { Outcome } from './request.js';
import { elapsed } from './walk.js';

export type TaskOrder =
  | { readonly action: 'repair' }
  /** `keep`: releases that succeeded and stay stored. */
  | { readonly action: 'prune'; readonly keep: number; readonly dryRun: boolean }
  | { readonly action: 'destroy'; readonly dryRun: boolean };

export interface TaskRequest {
  readonly run: string;
  readonly actor: Actor;
  readonly service: string;
  readonly environment: string;
  readonly order: TaskOrder;
}

/** Stored content that no release refers to: number of files and their bytes. */
export interface Swept {
  readonly files: number;
  readonly bytes: number;
}

export interface TaskContext {
  readonly platform: Platform & Upkeep;
  readonly request: TaskRequest;
  readonly emit: Emit;
  /** Removes content that no release but `without` refers to; only counts it in a dry run. */
  readonly sweep: (without: readonly Surplus[], dryRun: boolean) => Promise<Swept>;
}

export interface TaskResult {
  readonly outcome: Outcome;
  readonly run: string;
  readonly action: Task | 'unlock';
  readonly service: string;
  readonly environment: string;
  readonly durationMs: Ms;
  /** What was found and done, one line each. */
  readonly notes: readonly string[];
  readonly removed?: { readonly releases: readonly Surplus[]; readonly content: Swept };
  /** Of unlock: who held the lock, and whether that run ended by itself or lost the lock. */
  readonly holder?: LockHolder;
  readonly how?: 'ended' | 'revoked';
  readonly url?: string;
  readonly ledgerHead?: string;
  readonly error?: SerializedError;
}

/** A task that has the lock, and `say`, which tells and keeps what it finds and does. */
export interface HeldTask extends TaskContext {
  readonly lease: Lease | undefined;
  readonly say: (note: string) => void;
  /** Called before the first change: from here on a failure leaves something undone. */
  readonly begin: () => void;
}

export type TaskPart = Pick<TaskResult, 'outcome'> & Partial<TaskResult>;

/** Never rejects: what goes wrong is the result's outcome and error. */
export async function runTask(context: TaskContext): Promise<TaskResult> {
  const { platform, request, emit } = context;
  const { run, actor, service, environment, order } = request;
  const started = performance.now();
  const notes: string[] = [];
  let begun = false;
  let lease: Lease | undefined;
  const say = (note: string): void => {
    notes.push(note);
    emit({ type: 'note', text: note });
  };
  const result = (part: TaskPart): TaskResult => ({ run, action: order.action, service, environment, notes, ...part, durationMs: elapsed(started) });
  try {
    const dry = 'dryRun' in order && order.dryRun;
    if (!dry) lease = await platform.state.lock.acquire({ run, actor, action: order.action, since: new Date().toISOString() });
    const held: HeldTask = { ...context, sweep: unfailing(context.sweep, say), lease, say, begin: () => { begun = true; } };
    // A repair looks at the records first, this one among them.
    if (!dry && order.action !== 'repair') await endHook(held);
    return result(await perform(held, order));
  } catch (thrown) {
    const error = asDeployError(thrown);
    return result({ outcome: outcomeOf(error, begun), error: error.toJSON() });
  } finally {
    await lease?.release();
  }
}

/** A record that cannot be read is no reason to keep the service; it is told, and removed with the rest. */
async function endHook({ platform: { state }, request: { order }, say }: HeldTask): Promise<void> {
  await endOrphanedHook({ state, told: true, say }).catch(async (thrown: unknown) => {
    if (order.action !== 'destroy' || asDeployError(thrown).code !== 'ND-STATE-DAMAGED') throw thrown;
    say(`the record of a hook could not be read: if one was left running, nobody ends it (${asDeployError(thrown).message})`);
    await state.hook.clear();
  });
}

/** Content that is kept for longer harms nobody. */
function unfailing(sweep: TaskContext['sweep'], say: (note: string) => void): TaskContext['sweep'] {
  return (without, dryRun) => sweep(without, dryRun).catch((thrown: unknown) => {
    say(`stored content was left as it is: ${asDeployError(thrown).message}`);
    return { files: 0, bytes: 0 };
  });
}

/** There is nothing that these could be taken back to. */
function outcomeOf(error: DeployError, begun: boolean): Outcome {
  return begun || error.severity !== 'refused' ? 'not-restored' : 'refused';
}

function perform(task: HeldTask, order: TaskOrder): Promise<TaskPart> {
  switch (order.action) {
    case 'repair': return repair(task);
    case 'prune': return pruneNow(task, order);
    case 'destroy': return destroy(task, order);
  }
}

/** Failed releases stay for no longer than here: whoever asks for it by hand wants the room. */
async function pruneNow({ platform, emit, say, sweep, lease }: HeldTask, { keep, dryRun }: Extract<TaskOrder, { action: 'prune' }>): Promise<TaskPart> {
  const { ended } = dryRun ? { ended: [] } : await expireWarm({ platform, now: Date.now(), emit, ...(lease === undefined ? {} : { lease }) });
  const doomed = await surplus(platform, { keep, recent: 0 });
  const releases = dryRun ? doomed : await removeAll({ platform, emit }, doomed);
  const content = await sweep(dryRun ? doomed : [], dryRun);
  for (const { id, bytes } of releases) say(`${dryRun ? 'would remove' : 'removed'} release ${id} (${bytes} bytes)`);
  const outcome = dryRun ? 'planned' : releases.length + ended.length === 0 && content.files === 0 ? 'unchanged' : 'done';
  return { outcome, removed: { releases, content } };
}
