/** Looks after a release once its deploy is done, and takes it back by itself when it does badly. */
import type { StrategyOptions } from '../config/resolved.js';
import { DeployError } from '../errors.js';
import { defaultTerms, formatDuration, liveRelease, type Emit, type Metrics, type Ms, type ReleaseId, type WatchTerms } from '../model/index.js';
import type { Platform } from '../platforms/platform.js';
import type { Actor } from '../releases/index.js';
import { runChange } from './change.js';
import { tellFailure } from './notices.js';
import { analysisOf, patrol, type PatrolEnd } from './patrol.js';
import type { ChangeRequest, ChangeResult } from './request.js';

export interface WatchContext {
  readonly platform: Platform;
  /** Of the deploy that is watched. */
  readonly request: ChangeRequest;
  readonly result: ChangeResult;
  /** What the router had counted before the deploy. */
  readonly baseline?: Metrics | undefined;
  /** Who takes it back. */
  readonly actor: Actor;
  readonly emit: Emit;
  /** Ends the watch; nothing is taken back then. */
  readonly signal: AbortSignal;
  /** Called with the name of the run that takes it back, before that begins. */
  readonly onRollback?: (run: string) => void;
  /** Another agent began it, and what this one does not have of it, for people. */
  readonly resumed?: { readonly without: readonly string[] };
}

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
  const end = await look(context, release, time).catch((thrown: unknown): PatrolEnd => {
    // A platform that cannot be asked says nothing of the release.
    return context.signal.aborted ? { kind: 'left' } : { kind: 'unknown', problems: [`the platform could not be asked: ${thrown instanceof Error ? thrown.message : String(thrown)}`] };
  });
  if (end.kind === 'left' && context.signal.aborted) emit({ type: 'note', text: `the watch of ${release} was ended before its time` });
  if (end.kind === 'unknown') for (const line of end.problems) emit({ type: 'note', text: `the watch of ${release} knows too little: ${line}` });
  if (end.kind !== 'failed' && (end.kind !== 'unknown' || termsOf(request).inconclusive === 'keep' || result.previous === undefined)) return result;
  for (const problem of end.problems) emit({ type: 'restore', reason: problem });
  const error = new DeployError('ND-WATCH-FAILED', {
    what: `release ${release} ${end.kind === 'failed' ? 'did badly' : 'was not known to do well'} ${formatDuration(performance.now() - started)} after ${context.resumed === undefined ? 'its deploy' : 'a new agent went on with its watch'}`, problems: end.problems, next: 'look at its logs; deploy again when it is fixed',
  });
  return takeBack(context, release, error, started);
}

function look({ platform, request, result, baseline, emit, signal, resumed }: WatchContext, release: ReleaseId, time: Ms): Promise<PatrolEnd> {
  const terms = termsOf(request);
  const first = result.previous === undefined && baseline === undefined;
  emit({ type: 'waiting', release, for: `a watch of ${formatDuration(time)}`, ms: time });
  const concerns = async (): Promise<boolean> => liveRelease(await platform.list()) === release;
  return patrol({ platform, release, terms: first ? withoutBaseline(terms) : terms, baseline, probing: request.probing, time, concerns, signal, resumed: resumed !== undefined });
}

function termsOf({ watch, strategy }: ChangeRequest): WatchTerms {
  return watch?.terms ?? defaultTerms(analysisOf(strategy));
}

/** For a release that replaced none. */
function withoutBaseline(terms: WatchTerms): WatchTerms {
  return { ...terms, triggers: terms.triggers.map((trigger) => ({ ...trigger, rules: trigger.rules.filter(({ of }) => of !== 'baseline') })) };
}

async function takeBack(context: WatchContext, release: ReleaseId, error: DeployError, started: Ms): Promise<ChangeResult> {
  const { request, result, actor, platform, emit, resumed } = context;
  const failed = { ...result, durationMs: result.durationMs + Math.round(performance.now() - started), error: error.toJSON() };
  if (result.previous === undefined) {
    const stays: ChangeResult = { ...failed, outcome: 'not-restored', restoreError: new DeployError('ND-RELEASE-UNKNOWN', { what: 'there is no earlier release to go back to', next: 'fix it and deploy again' }).toJSON() };
    await tellFailure(context, stays);
    return stays;
  }
  // That of an agent before may have begun one by the first name.
  const run = resumed === undefined ? `${request.run}-watch` : `${request.run}-watch-${Date.now().toString(36)}`;
  const without = resumed === undefined || resumed.without.length === 0 ? undefined : `the watch went on without ${resumed.without.join(' and ')}, which were lost with the agent that began it`;
  if (without !== undefined) emit({ type: 'note', text: without });
  context.onRollback?.(run);
  const back = await runChange({
    platform, emit, signal: new AbortController().signal,
    request: {
      // What did badly is not kept running.
      ...request, strategy: coldly(request.strategy), run, actor, change: { action: 'rollback', to: result.previous }, hooks: request.watch?.rollbackHooks ?? { before: [], after: [] },
      reason: error.message + (error.parts.problems === undefined ? '' : ` (${error.parts.problems.join('; ')})`) + (without === undefined ? '' : `; ${without}`),
    },
  });
  emit({ type: 'note', text: back.outcome === 'done' ? `release ${release} was taken back to ${result.previous}` : `release ${release} could not be taken back` });
  if (back.outcome === 'done') return { ...failed, outcome: 'restored', ...(back.ledgerHead === undefined ? {} : { ledgerHead: back.ledgerHead }) };
  return { ...failed, outcome: 'not-restored', ...(back.error === undefined ? {} : { restoreError: back.error }) };
}

function coldly(strategy: StrategyOptions): StrategyOptions {
  return 'keepWarm' in strategy ? { ...strategy, keepWarm: 0 } : strategy;
}
