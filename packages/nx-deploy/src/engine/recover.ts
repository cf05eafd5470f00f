/** Finishes what a change that was killed left behind. It never converges to nothing. */
import { apply } from '../apply/index.js';
import { asDeployError, type DeployError } from '../errors.js';
import { asDesired, WEB, type Desired, type Emit, type Observed, type Release, type ReleaseId } from '../model/index.js';
import type { Platform } from '../platforms/platform.js';
import type { Actor, JournalRecord, LedgerOutcome, Lease } from '../releases/index.js';

/**
 * forward: the change had passed its commit, was asked to be resumed, or takes back what did badly, and was brought to its end. back: the fleet from before runs again. healthiest: the
 * fleet from before was empty or its artifacts are gone; the healthy release with the most traffic got all of it. stuck: nothing was touched, or the way failed.
 */
export type Way = 'forward' | 'back' | 'healthiest' | 'stuck';

export interface Recovery {
  readonly way: Way;
  readonly run: string;
  readonly error?: DeployError;
}

export interface RecoverContext {
  readonly platform: Platform;
  readonly actor: Actor;
  readonly emit: Emit;
  /** Go forward to what the change wanted, whether or not it had passed its commit. */
  readonly resume?: boolean;
  /** Of whoever holds the lock: nothing is done once it is lost. */
  readonly lease?: Lease;
  /** A change that was not killed but refused: why it ends. */
  readonly because?: DeployError;
  /** Cancels the way; what was reached so far is left for the next recovery. */
  readonly signal?: AbortSignal;
  /** Has to succeed once the fleet is reached (hooks). */
  readonly afterWalk?: (journal: WriteJournal) => Promise<void>;
}

type WriteJournal = (effect: JournalRecord['effect'], committed: boolean) => Promise<void>;

/** Undefined when no change was interrupted; one that waits for an answer was not. The caller holds the lock. */
export async function recover(context: RecoverContext): Promise<Recovery | undefined> {
  const { platform, emit } = context;
  const left = await platform.state.journal.read();
  if (left === undefined || left.paused !== undefined) return undefined;
  const why = context.because?.message ?? `was interrupted at ${left.effect.kind} ${left.effect.key}`;
  emit({ type: 'note', text: context.because === undefined ? `the ${left.action} ${left.run} of ${left.startedAt} ${why}` : why });
  const observed = await platform.list();
  const choice = await choose(platform, left, observed, context.resume === true || await takesBack(platform, left));
  if (choice === undefined) {
    await finish(context, left, 'not-restored');
    emit({ type: 'note', text: 'nothing was touched: neither what ran before nor what was to run can be brought back' });
    return { way: 'stuck', run: left.run };
  }
  emit({ type: 'note', text: `recovery goes ${choice.way === 'healthiest' ? 'on with the healthy release that has the most traffic' : choice.way}` });
  const error = await reach(context, left, choice.target, observed) ?? (choice.way === 'back' ? await putBack(platform, left) : undefined);
  if (error !== undefined) {
    emit({ type: 'note', text: `recovery failed: ${error.message}` });
    return { way: 'stuck', run: left.run, error };
  }
  const live = Object.keys(choice.target).find((id) => (choice.target[id]?.weight ?? 0) > 0);
  await finish(context, left, live !== undefined && live === goalOf(left) ? 'done' : 'restored');
  return { way: choice.way, run: left.run };
}

interface Choice {
  readonly way: Exclude<Way, 'stuck'>;
  readonly target: Desired;
}

async function choose(platform: Platform, left: JournalRecord, observed: Observed, resume: boolean): Promise<Choice | undefined> {
  if (left.committed || resume) return { way: 'forward', target: left.to };
  const before = Object.keys(left.from).filter((id) => (left.from[id]?.weight ?? 0) > 0);
  const there = await Promise.all(before.map((id) => platform.exists(id)));
  if (before.length > 0 && there.every((exists) => exists)) return { way: 'back', target: left.from };
  const healthiest = mostTraffic(observed);
  if (healthiest === undefined) return undefined;
  const processes = left.to[healthiest]?.processes ?? left.from[healthiest]?.processes ?? asDesired(observed)[healthiest]?.processes ?? {};
  return { way: 'healthiest', target: { [healthiest]: { processes, weight: 100 } } };
}

/** Nobody asked for such a rollback: a watch began it, and the release that it leaves is known to be bad. */
async function takesBack(platform: Platform, { run, action, to }: JournalRecord): Promise<boolean> {
  if (action !== 'rollback') return false;
  const entries = await platform.state.ledger.entries().catch(() => []);
  if (!entries.some((entry) => entry.kind === 'start' && entry.run === run && entry.reason !== undefined)) return false;
  return (await Promise.all(Object.keys(to).filter((id) => (to[id]?.weight ?? 0) > 0).map((id) => platform.exists(id)))).every((exists) => exists);
}

/** Among the releases that have a ready instance. */
export function mostTraffic(observed: Observed): ReleaseId | undefined {
  const healthy = Object.entries(observed).filter(([, release]) => release.weight > 0 && (release.processes[WEB]?.ready ?? 0) > 0);
  return healthy.sort(([, a], [, b]) => b.weight - a.weight)[0]?.[0];
}

async function reach(context: RecoverContext, left: JournalRecord, target: Desired, observed: Observed): Promise<DeployError | undefined> {
  const { platform, emit } = context;
  let epoch = left.epoch;
  try {
    const journal: WriteJournal = async (effect) => {
      await context.lease?.assert();
      epoch += 1;
      await platform.state.journal.write({ ...left, epoch, effect });
    };
    const { afterWalk } = context;
    const result = await apply({
      platform,
      plan: { from: asDesired(observed), to: target, steps: [{ reach: target }] },
      releases: new Map<ReleaseId, Release>(Object.entries(left.releases)),
      journal,
      emit,
      signal: context.signal ?? new AbortController().signal,
      ...(afterWalk === undefined ? {} : { afterWalk: () => afterWalk(journal) }),
      deadlines: { readyTimeout: (release) => release.spec.health.timeout, whole: RECOVERY_DEADLINE },
    });
    return 'error' in result ? result.error : undefined;
  } catch (thrown) {
    return asDeployError(thrown);
  }
}

/** What ran before is reached where it was: its address is part of it. */
async function putBack(platform: Platform, { settings }: JournalRecord): Promise<DeployError | undefined> {
  if (settings === undefined) return undefined;
  return platform.revert(settings).then(() => undefined, (thrown: unknown) => asDeployError(thrown));
}

/** Longer than any one step may take, shorter than anybody's patience. */
const RECOVERY_DEADLINE = 10 * 60_000;

/** The interrupted run gets its end in the ledger, if it had a beginning there, and its journal is closed. */
async function finish({ platform, actor, lease, because }: RecoverContext, left: JournalRecord, outcome: LedgerOutcome): Promise<void> {
  const { ledger, journal } = platform.state;
  await lease?.assert();
  const entries = await ledger.entries();
  const open = entries.some((entry) => entry.kind === 'start' && entry.run === left.run) && !entries.some((entry) => entry.kind === 'end' && entry.run === left.run);
  const release = goalOf(left);
  if (open && release !== undefined && left.action !== 'repair') {
    await ledger.append({
      kind: 'end', run: left.run, action: left.action, release, at: new Date().toISOString(), actor, outcome, durationMs: Math.max(0, Date.now() - Date.parse(left.startedAt)),
      ...(because === undefined ? { recovered: true } : { error: because.toJSON() }),
    });
  }
  await journal.clear();
}

/** The release that was to get the traffic. */
export function goalOf(left: JournalRecord): ReleaseId | undefined {
  return Object.keys(left.to).find((id) => (left.to[id]?.weight ?? 0) > 0);
}
