/** Looks after a release once its deploy is done, and takes it back by itself when it does badly. */
import { judge } from '../apply/judge.js';
import { watchOver } from '../apply/soak.js';
import type { StrategyOptions } from '../config/resolved.js';
import { DeployError } from '../errors.js';
import { formatDuration, liveRelease, type Analysis, type Emit, type Ms, type ReleaseId, type Rule } from '../model/index.js';
import type { Platform } from '../platforms/platform.js';
import type { Actor } from '../releases/index.js';
import { runChange } from './change.js';
import type { ChangeRequest, ChangeResult } from './request.js';

export interface WatchContext {
  readonly platform: Platform;
  /** Of the deploy that is watched. */
  readonly request: ChangeRequest;
  readonly result: ChangeResult;
  /** Who takes it back. */
  readonly actor: Actor;
  readonly emit: Emit;
  /** Ends the watch; nothing is taken back then. */
  readonly signal: AbortSignal;
  /** Called with the name of the run that takes it back, before that begins. */
  readonly onRollback?: (run: string) => void;
}

/** fine: all of the time passed. left: nobody wants it any more, or another release has the traffic. */
type WatchEnd = { readonly kind: 'fine' | 'left' } | { readonly kind: 'failed'; readonly problems: readonly string[] };

const LOOK: Ms = 1_000;
/** One bad second is nothing yet. */
const BAD_LOOKS = 3;
const FALLBACK: readonly Rule[] = [{ metric: 'errorRate', below: 0.05, of: 'absolute' }];
const FEWEST_REQUESTS = 20;

/** Is there something to watch, and for how long? */
export function watchTime({ watch, dryRun }: ChangeRequest, { outcome, action, release }: ChangeResult): Ms {
  const deployed = !dryRun && outcome === 'done' && action === 'deploy' && release !== undefined;
  return deployed ? watch?.ms ?? 0 : 0;
}

/** What the deploy came to once the watch is over: the same result, or restored with the reason. Never rejects. */
export async function watch(context: WatchContext): Promise<ChangeResult> {
  const { request, result, emit } = context;
  const time = watchTime(request, result);
  const release = result.release;
  if (time === 0 || release === undefined) return result;
  const started = performance.now();
  const end = await look(context, release, time).catch((thrown: unknown): WatchEnd => {
    // A platform that cannot be asked says nothing of the release.
    emit({ type: 'note', text: `the watch of ${release} ended early: ${thrown instanceof Error ? thrown.message : String(thrown)}` });
    return { kind: 'left' };
  });
  if (end.kind === 'left' && context.signal.aborted) emit({ type: 'note', text: `the watch of ${release} was ended before its time` });
  if (end.kind !== 'failed') return result;
  for (const problem of end.problems) emit({ type: 'restore', reason: problem });
  const error = new DeployError('ND-WATCH-FAILED', {
    what: `release ${release} did badly ${formatDuration(performance.now() - started)} after its deploy`, problems: end.problems, next: 'look at its logs; deploy again when it is fixed',
  });
  return takeBack(context, release, error, started);
}

async function look({ platform, request, emit, signal }: WatchContext, release: ReleaseId, time: Ms): Promise<WatchEnd> {
  const started = performance.now();
  const elapsed = (): Ms => performance.now() - started;
  const faultsSince = await watchOver(platform, [release]);
  const rules = analysisOf(request.strategy);
  emit({ type: 'waiting', release, for: `a watch of ${formatDuration(time)}`, ms: time });
  let bad = 0;
  while (elapsed() < time) {
    await pause(Math.min(LOOK, time - elapsed()), signal);
    if (signal.aborted) return { kind: 'left' };
    // Whoever holds the lock may take it back to this very release, or only tidy up: what came of it is seen when it has ended.
    if (await platform.state.lock.holder() !== undefined) continue;
    if (liveRelease(await platform.list()) !== release) return { kind: 'left' };
    const faults = await faultsSince(elapsed(), false);
    if (faults.length > 0) return { kind: 'failed', problems: faults };
    const metrics = await platform.metrics?.(release, elapsed());
    const { verdict, lines } = metrics === undefined ? { verdict: 'pass', lines: [] } : judge(rules, metrics, undefined, 'early');
    bad = verdict === 'fail' ? bad + 1 : 0;
    if (bad >= BAD_LOOKS) return { kind: 'failed', problems: lines.map((line) => `${release}: ${line}`) };
  }
  return { kind: 'fine' };
}

/** The strategy's own limits where it has some; there is nothing left to compare with. */
function analysisOf(strategy: StrategyOptions): Analysis {
  const own = 'analyse' in strategy ? strategy.analyse : undefined;
  const rules = (own?.rules ?? []).filter(({ of }) => of === 'absolute');
  return { rules: rules.length === 0 ? FALLBACK : rules, minimum: own?.minimum ?? FEWEST_REQUESTS, inconclusive: 'stop' };
}

async function takeBack(context: WatchContext, release: ReleaseId, error: DeployError, started: Ms): Promise<ChangeResult> {
  const { request, result, actor, platform, emit } = context;
  const failed = { ...result, durationMs: result.durationMs + Math.round(performance.now() - started), error: error.toJSON() };
  if (result.previous === undefined) {
    return { ...failed, outcome: 'not-restored', restoreError: new DeployError('ND-RELEASE-UNKNOWN', { what: 'there is no earlier release to go back to', next: 'fix it and deploy again' }).toJSON() };
  }
  const run = `${request.run}-watch`;
  context.onRollback?.(run);
  const back = await runChange({
    platform, emit, signal: new AbortController().signal,
    request: {
      ...request, run, actor, change: { action: 'rollback', to: result.previous }, hooks: request.watch?.rollbackHooks ?? { before: [], after: [] },
      reason: error.message + (error.parts.problems === undefined ? '' : ` (${error.parts.problems.join('; ')})`),
    },
  });
  emit({ type: 'note', text: back.outcome === 'done' ? `release ${release} was taken back to ${result.previous}` : `release ${release} could not be taken back` });
  if (back.outcome === 'done') return { ...failed, outcome: 'restored', ...(back.ledgerHead === undefined ? {} : { ledgerHead: back.ledgerHead }) };
  return { ...failed, outcome: 'not-restored', ...(back.error === undefined ? {} : { restoreError: back.error }) };
}

function pause(ms: Ms, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) { resolve(); return; }
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, Math.max(1, ms));
    signal.addEventListener('abort', end, { once: true });
  });
}
