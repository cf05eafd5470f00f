/** The walk of one change, with its hooks and its journal. */
import { baselineOf } from '../analysis/index.js';
import { apply, type ApplyResult } from '../apply/index.js';
import { asDeployError, DeployError } from '../errors.js';
import { runHooks } from '../hooks/run-hooks.js';
import { formatDuration, least, liveRelease, WEB, type Emit, type Metrics, type Ms, type Release, type ReleaseId, type StageName } from '../model/index.js';
import type { Walk } from '../plan/index.js';
import type { Platform } from '../platforms/platform.js';
import { STATE_SCHEMA, type Action, type JournalRecord, type Lease, type Pause, type PlatformSettings } from '../releases/index.js';
import { hookTrace } from './orphaned-hook.js';
import { analysisOf, baselineWanted } from './patrol.js';
import type { ChangeRequest } from './request.js';
import type { Goal } from './target.js';
import { countTraffic } from './traffic.js';

export interface ChangeContext {
  readonly platform: Platform;
  readonly request: ChangeRequest;
  readonly emit: Emit;
  /** Aborts when the user asks for it: what was begun is restored. */
  readonly signal: AbortSignal;
  /** Told, before the change begins, what the router had counted for the release that ran; for whoever watches afterwards. */
  readonly onBaseline?: (metrics: Metrics) => void;
}

/** setTimeout takes 31 bits. */
const LONGEST_TIMER: Ms = 2 ** 31 - 1;

export type Stages = Partial<Record<StageName, Ms>>;

/** A change that has the lock. A dry run takes none and has no lease. */
export interface HeldChange extends ChangeContext {
  readonly action: Action;
  readonly hooks: ChangeRequest['hooks'];
  readonly stages: Stages;
  readonly lease?: Lease;
}

/** Where a change leads, and from where. */
export interface Course {
  readonly goal: Goal;
  readonly plan: Walk;
  readonly previous: ReleaseId | undefined;
  /** The record of a change that was approved and goes on: its hooks before the walk have run. */
  readonly continued?: JournalRecord;
}

export type WriteJournal = (effect: JournalRecord['effect'], committed: boolean, paused?: Pause) => Promise<void>;

export async function walk(context: HeldChange, course: Course): Promise<ApplyResult> {
  const { platform, request, emit, signal, stages } = context;
  const { goal, plan } = course;
  const releases = await releasesOf(platform, plan, goal);
  const settings = course.continued === undefined ? await platform.settings?.() : course.continued.settings;
  const baseline = course.continued === undefined ? await knownBefore(context, plan) : course.continued.paused?.baseline;
  if (baseline !== undefined) context.onBaseline?.(baseline);
  const journal = journalOf(context, course, releases, settings);
  const began = performance.now();
  const late = lateAfter(request.deadline, context.action);
  const hooks = hookRunner(context, course, journal, AbortSignal.any([signal, late.signal]));
  const counting = countTraffic(platform, Object.keys({ ...plan.from, ...plan.to }), emit);
  try {
    if (course.continued === undefined) {
      await hooks('before');
      await releaseCommand(context, course, journal, AbortSignal.any([signal, late.signal]));
    }
    const result = await timed(context, stages, 'walk', () => apply({
      platform, plan, releases, journal, emit, signal,
      deadlines: { readyTimeout: (release) => release.spec.health.timeout, whole: Math.max(1, request.deadline - elapsed(began)) },
      afterWalk: () => hooks('after'),
      ...(baseline === undefined ? {} : { baseline }), ...(request.probing === undefined ? {} : { probing: request.probing }),
    }));
    if (result.outcome === 'paused') await pause(context, course, { asked: result, journal, baseline });
    return result;
  } catch (thrown) {
    // Neither a hook before the walk nor a walk that does not begin has changed anything.
    return { outcome: 'restored', error: asDeployError(thrown) };
  } finally {
    late.stop();
    counting.stop();
  }
}

/** The deadline holds for the hooks as well: one that runs then is ended. */
function lateAfter(deadline: Ms, action: string): { readonly signal: AbortSignal; readonly stop: () => void } {
  const over = new AbortController();
  const timer = setTimeout(() => over.abort(new DeployError('ND-DEADLINE', {
    what: `the ${action} was not finished within ${formatDuration(deadline)}, and a hook that ran was ended`, next: 'raise the deadline if the hooks need longer',
  })), Math.min(deadline, LONGEST_TIMER));
  return { signal: over.signal, stop: () => { clearTimeout(timer); } };
}

/** Of the release that is about to be replaced; only where something is to be compared with it. A router that does not tell leaves those limits inconclusive. */
async function knownBefore({ platform, request }: HeldChange, { from }: Walk): Promise<Metrics | undefined> {
  const wanted = baselineWanted(request);
  return wanted === undefined ? undefined : baselineOf(platform, liveRelease(from), wanted).catch(() => undefined);
}

interface Pausing {
  readonly asked: Extract<ApplyResult, { outcome: 'paused' }>;
  readonly journal: WriteJournal;
  readonly baseline: Metrics | undefined;
}

/** From here on the change waits: whoever looks finds the question, and nothing is taken for killed. */
async function pause({ platform, request, action, lease }: HeldChange, { goal, continued }: Course, { asked, journal, baseline }: Pausing): Promise<void> {
  const now = Date.now();
  const since = new Date(now).toISOString();
  await lease?.assert();
  await platform.state.ledger.append({ kind: 'paused', run: request.run, action, release: goal.release.id, at: since, actor: request.actor, gate: asked.gate });
  // Whoever approved knows of the strategy no more than deploy.json has now.
  const analyse = continued === undefined ? analysisOf(request.strategy) : continued.paused?.analyse;
  await journal({ kind: 'gate', key: 'approve' }, false, {
    gate: asked.gate, since, expires: new Date(now + asked.expires).toISOString(), steps: asked.steps, ...(analyse === undefined ? {} : { analyse }), ...(baseline === undefined ? {} : { baseline }),
  });
}

/** Runs the hooks of one end of the walk, on record. */
export function hookRunner(context: HeldChange, course: Pick<Course, 'goal' | 'previous'>, journal: WriteJournal, signal = context.signal): (when: 'before' | 'after') => Promise<void> {
  const facts = hookFacts(context, course);
  return (when) => {
    const list = context.hooks[when];
    if (list.length === 0) return Promise.resolve();
    const label = `${when === 'before' ? 'pre' : 'post'}${context.action === 'deploy' ? 'Deploy' : 'Rollback'}`;
    return timed(context, context.stages, `${when}-hooks`, async () => {
      await journal({ kind: 'hook', key: label }, false);
      await runHooks(label, list, { facts, secrets: await secretsOf(context, course.goal), emit: context.emit, signal, trace: hookTrace(context.platform.state, context.lease, { run: context.request.run, hook: label }) });
    });
  };
}

/** Of a deploy alone: what a migration did is not undone by doing it again. It runs at least once. */
async function releaseCommand({ platform, action, stages, emit, signal, ...context }: HeldChange, { goal: { release } }: Course, journal: WriteJournal, until: AbortSignal): Promise<void> {
  const order = release.spec.container?.release;
  if (action !== 'deploy' || order === undefined) return;
  await timed({ ...context, emit, signal }, stages, 'release-command', async () => {
    await journal({ kind: 'hook', key: 'release command' }, false);
    if (platform.runOnce === undefined) throw new DeployError('ND-ABILITY-MISSING', { what: `the platform ${platform.name} cannot run a release command`, next: 'take "container.release" out of deploy.json' });
    await platform.runOnce(release.id, { ...order, emit, signal: until });
  });
}

/** Values of the release's configuration that must be seen nowhere. */
async function secretsOf({ platform, request }: HeldChange, { release }: Goal): Promise<Readonly<Record<string, string>>> {
  const { values, secrets } = request.change.action === 'deploy' ? request.change.deployable.config : await platform.state.config.open(release.config);
  return Object.fromEntries(secrets.flatMap((name) => (values[name] === undefined ? [] : [[name, values[name]]])));
}

/** Whole records of every release that the walk touches; those of `from` are needed to restore. */
async function releasesOf(platform: Platform, plan: Walk, goal: Goal): Promise<ReadonlyMap<ReleaseId, Release>> {
  const found = new Map([[goal.release.id, goal.release]]);
  for (const id of Object.keys({ ...plan.from, ...plan.to })) {
    const release = id === goal.release.id ? undefined : await platform.state.releases.get(id);
    if (release !== undefined) found.set(id, release);
  }
  return found;
}

/** A run whose lease was taken away cannot record an effect any more, and so does none. */
function journalOf({ platform, request, action, lease }: HeldChange, { plan, continued }: Course, releases: ReadonlyMap<ReleaseId, Release>, settings: PlatformSettings | undefined): WriteJournal {
  const startedAt = continued?.startedAt ?? new Date().toISOString();
  let epoch = continued?.epoch ?? 0;
  return async (effect, committed, paused) => {
    await lease?.assert();
    epoch += 1;
    await platform.state.journal.write({
      schema: STATE_SCHEMA, run: request.run, action, actor: request.actor, startedAt, epoch, effect,
      from: plan.from, to: plan.to, releases: Object.fromEntries(releases), committed,
      ...(settings === undefined ? {} : { settings }), ...(paused === undefined ? {} : { paused }),
    });
  };
}

function hookFacts({ request, action }: HeldChange, { goal, previous }: Pick<Course, 'goal' | 'previous'>): Readonly<Record<string, string>> {
  return {
    NX_DEPLOY_ACTION: action,
    NX_DEPLOY_RUN: request.run,
    NX_DEPLOY_SERVICE: request.service,
    NX_DEPLOY_ENVIRONMENT: request.environment,
    NX_DEPLOY_RELEASE: goal.release.id,
    NX_DEPLOY_INSTANCES: String(least(goal.processes[WEB])),
    ...(previous === undefined ? {} : { NX_DEPLOY_PREVIOUS: previous }),
    ...(goal.release.manifest?.version === undefined ? {} : { NX_DEPLOY_VERSION: goal.release.manifest.version }),
    ...(goal.release.manifest?.commit === undefined ? {} : { NX_DEPLOY_COMMIT: goal.release.manifest.commit }),
  };
}

export async function timed<T>({ emit, signal }: Pick<ChangeContext, 'emit' | 'signal'>, stages: Stages, stage: StageName, work: () => Promise<T>): Promise<T> {
  if (signal.aborted && stage !== 'record' && stage !== 'walk') throw new DeployError('ND-CANCELLED', { what: 'the run was cancelled before anything changed' });
  const started = performance.now();
  emit({ type: 'stage', stage, state: 'start' });
  try {
    const result = await work();
    emit({ type: 'stage', stage, state: 'done', ms: elapsed(started) });
    return result;
  } catch (error) {
    emit({ type: 'stage', stage, state: 'failed', ms: elapsed(started) });
    throw error;
  } finally {
    stages[stage] = elapsed(started);
  }
}

export function elapsed(since: number): Ms {
  return Math.round(performance.now() - since);
}
