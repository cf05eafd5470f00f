/** A change that waits for a person: goes on when it is approved, back when it is refused or nobody answers in time. */
import { DeployError } from '../errors.js';
import { liveRelease, type Desired, type Emit } from '../model/index.js';
import type { Walk } from '../plan/index.js';
import type { Platform } from '../platforms/platform.js';
import { type Actor, type JournalRecord, type Lease, type LedgerDecision, type Pause } from '../releases/index.js';
import { lostQuestion } from './open-runs.js';
import { endOrphanedHook } from './orphaned-hook.js';
import { recordEnd, type Part } from './record.js';
import { checkQuestion } from './question.js';
import { goalOf, recover } from './recover.js';
import type { Change, Decision } from './request.js';
import { walk, type HeldChange } from './walk.js';

export type Waiting = JournalRecord & { readonly paused: Pause };

/** Undefined when nothing waits, or what waited has expired and was taken back: then what is wanted is done like any other change. */
export async function answer(context: HeldChange, wanted: Change | Decision): Promise<Part | undefined> {
  const { platform, request: { actor }, emit, lease } = context;
  const left = await waiting(platform);
  const decides = wanted.action === 'approve' || wanted.action === 'reject';
  if (left === undefined) {
    await refuseLost(platform);
    if (decides) throw notPaused('nothing waits for an answer');
    return undefined;
  }
  const back = (kind: 'rejected' | 'expired', note?: string): Promise<Part> => goBack({ platform, actor, emit, ...(lease === undefined ? {} : { lease }) }, left, kind, note);
  if (isExpired(left.paused)) {
    await back('expired');
    if (decides) throw notPaused(`it waited until ${left.paused.expires}, and was taken back`);
    return undefined;
  }
  if (decides) checkQuestion(wanted, left);
  if (wanted.action === 'approve') return goOn(context, left, wanted.note);
  if (wanted.action === 'reject') return back('rejected', wanted.note);
  // Whoever asks to go back from a change that waits refuses it.
  if (wanted.action === 'rollback' && wanted.to === undefined) return back('rejected', 'by a rollback');
  throw pausedError(left);
}

/** A dry run shows nothing that the change itself would refuse. */
export async function refuseWaiting(platform: Platform): Promise<void> {
  const left = await waiting(platform);
  if (left !== undefined && !isExpired(left.paused)) throw pausedError(left);
  if (left === undefined) await refuseLost(platform);
}

/** Without its journal nobody knows what the change came from, and a rollback would go one release too far. */
async function refuseLost(platform: Platform): Promise<void> {
  const lost = await lostQuestion(platform);
  if (lost === undefined) return;
  throw new DeployError('ND-STATE-DAMAGED', {
    what: `the record of the ${lost.action} ${lost.run} is gone, which waited for an answer`, why: 'the ledger has its question and no end, and there is no journal',
    next: 'run repair: what ran before gets all of the traffic; then deploy again',
  });
}

export function pausedError({ run, action, paused }: Waiting): DeployError {
  return new DeployError('ND-PAUSED', {
    what: `the ${action} ${run} waits for an answer`, why: `since ${paused.since}, until ${paused.expires}: ${paused.gate}`,
    next: 'answer it first: nx-deploy approve or nx-deploy reject',
  });
}

export async function waiting({ state }: Pick<Platform, 'state'>): Promise<Waiting | undefined> {
  const left = await state.journal.read();
  return left?.paused === undefined ? undefined : { ...left, paused: left.paused };
}

/** Takes back what nobody answered in time. Resolves true when there was something to take back. */
export async function expirePause({ platform, actor, emit }: Omit<BackContext, 'lease'>): Promise<boolean> {
  const seen = await waiting(platform);
  if (seen === undefined || !isExpired(seen.paused) || await platform.state.lock.holder() !== undefined) return false;
  const lease = await platform.state.lock.acquire({ run: seen.run, action: actionOf(seen), actor, since: new Date().toISOString() });
  try {
    await endOrphanedHook({ state: platform.state, told: false, say: (text) => emit({ type: 'note', text }) });
    const left = await waiting(platform);
    if (left === undefined || !isExpired(left.paused)) return false;
    await goBack({ platform, actor, emit, lease }, left, 'expired');
    return true;
  } finally {
    await lease.release();
  }
}

/** Takes back by itself what did badly while it waited, if it still does; `why` goes into the ledger. Resolves true when there was something to take back. */
export async function refusePause({ platform, actor, emit }: Omit<BackContext, 'lease'>, seen: Waiting, why: string): Promise<boolean> {
  const lease = await platform.state.lock.acquire({ run: seen.run, action: actionOf(seen), actor, since: new Date().toISOString() });
  try {
    const left = await waiting(platform);
    if (left === undefined || !isSame(left, seen)) return false;
    await goBack({ platform, actor, emit, lease }, left, 'rejected', why);
    return true;
  } finally {
    await lease.release();
  }
}

/** The very question: a change may ask more than one. */
export function isSame(one: Waiting, other: Waiting): boolean {
  return one.run === other.run && one.paused.since === other.paused.since;
}

function isExpired({ expires }: Pause): boolean {
  return Date.parse(expires) <= Date.now();
}

function notPaused(why: string): DeployError {
  return new DeployError('ND-NOT-PAUSED', { what: 'there is nothing to approve or to reject', why, next: 'status shows what runs' });
}

interface BackContext {
  readonly platform: Platform;
  readonly actor: Actor;
  readonly emit: Emit;
  readonly lease?: Lease;
}

async function goBack(context: BackContext, left: Waiting, kind: 'rejected' | 'expired', note?: string): Promise<Part> {
  const { platform, actor, emit, lease } = context;
  await decided(context, left, kind, note);
  const who = kind === 'expired' ? `nobody answered until ${left.paused.expires}` : `rejected by ${actor.user}@${actor.host}${note === undefined ? '' : `: ${note}`}`;
  emit({ type: 'restore', reason: who });
  const error = new DeployError('ND-REJECTED', { what: `the ${left.action} ${left.run} was not approved`, why: who, next: 'deploy again when it should be asked once more' });
  const recovery = await recover({ platform, actor, emit, because: error, ...(lease === undefined ? {} : { lease }) });
  // A platform that does not answer now must not hide what the way back came to.
  const live = liveRelease(await platform.list().catch(() => ({})));
  const facts = { decision: kind, ...(live === undefined ? {} : { release: live }) } as const;
  if (recovery?.way === 'back') return { outcome: 'done', ...facts };
  return {
    outcome: 'not-restored', error: error.toJSON(), ...facts,
    ...(recovery?.error === undefined ? {} : { restoreError: recovery.error.toJSON() }),
  };
}

async function goOn(context: HeldChange, left: Waiting, note?: string): Promise<Part> {
  const { platform, request, lease, emit } = context;
  await decided({ platform, actor: request.actor, emit, ...(lease === undefined ? {} : { lease }) }, left, 'approved', note);
  const started = performance.now();
  const id = goalOf(left);
  const release = id === undefined ? undefined : left.releases[id];
  if (id === undefined || release === undefined) throw new DeployError('ND-INTERNAL', { what: `the ${left.action} ${left.run} names no release` });
  const begun = (await platform.state.ledger.entries()).find((entry) => entry.kind === 'start' && entry.run === left.run);
  const plan: Walk = {
    kind: 'walk', strategy: begun?.kind === 'start' ? begun.strategy : 'canary', reason: `approved by ${request.actor.user}`,
    from: left.from, ...postponed(left),
  };
  const previous = liveRelease(left.from);
  const course = { goal: { release, processes: left.to[id]?.processes ?? {} }, plan, previous, continued: left };
  emit({ type: 'plan', release: id, from: plan.from, steps: plan.steps });
  const same: HeldChange = { ...context, request: { ...request, run: left.run } };
  const part = await recordEnd(same, course, await walk(same, course), started);
  return { release: id, ...(previous === undefined ? {} : { previous }), decision: 'approved', ...part };
}

/** What is kept warm is kept as long as was wanted: the time that the answer took does not count. */
function postponed({ to, paused: { since, steps } }: Waiting): Pick<Walk, 'to' | 'steps'> {
  const waited = Math.max(0, Date.now() - Date.parse(since));
  const later = (fleet: Desired): Desired => Object.fromEntries(Object.entries(fleet).map(([id, { until, ...rest }]) =>
    [id, until === undefined ? rest : { ...rest, until: new Date(Date.parse(until) + waited).toISOString() }]));
  return { to: later(to), steps: steps.map((step) => ('reach' in step ? { ...step, reach: later(step.reach) } : { ...step, desired: later(step.desired) })) };
}

/** The answer is on record before anything is done about it; from then on a kill is like the kill of any other change. */
async function decided({ platform, actor, lease }: BackContext, left: Waiting, kind: LedgerDecision['kind'], note?: string): Promise<void> {
  const { journal, ledger } = platform.state;
  const release = goalOf(left);
  await lease?.assert();
  if (release !== undefined) {
    await ledger.append({
      kind, run: left.run, action: actionOf(left), release, at: new Date().toISOString(), actor, gate: left.paused.gate, ...(note === undefined ? {} : { note }),
    });
  }
  const { paused: _paused, ...rest } = left;
  await journal.write({ ...rest, epoch: left.epoch + 1, effect: { kind: 'gate', key: kind } });
}

function actionOf({ action }: JournalRecord): 'deploy' | 'rollback' {
  return action === 'rollback' ? 'rollback' : 'deploy';
}
