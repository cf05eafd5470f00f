/** One deploy or rollback from lock to ledger. Runs where the walker lives: in the agent, or in a process of its own. */
import { apply, type ApplyResult } from '../apply/index.js';
import { asDeployError, DeployError } from '../errors.js';
import { runHooks } from '../hooks/run-hooks.js';
import { least, liveRelease, WEB, type Desired, type Emit, type Ms, type Observed, type Release, type ReleaseId, type StageName } from '../model/index.js';
import { makePlan, printPlan, type Walk } from '../plan/index.js';
import type { Platform } from '../platforms/platform.js';
import { STATE_SCHEMA, type JournalRecord, type Lease } from '../releases/index.js';
import { prune } from './prune.js';
import { recover } from './recover.js';
import { describeChange } from './report.js';
import type { ChangeRequest, ChangeResult } from './request.js';
import { desiredFleet, goalOf, type Goal } from './target.js';

export interface ChangeContext {
  readonly platform: Platform;
  readonly request: ChangeRequest;
  readonly emit: Emit;
  /** Aborts when the user asks for it: what was begun is restored. */
  readonly signal: AbortSignal;
}

type Stages = Partial<Record<StageName, Ms>>;

/** Never rejects: what goes wrong is the result's outcome and error. */
export async function runChange(context: ChangeContext): Promise<ChangeResult> {
  const { platform, request } = context;
  const started = performance.now();
  const stages: Stages = {};
  const base = {
    run: request.run, action: request.change.action, service: request.service, environment: request.environment, stages,
  };
  let lease: Lease | undefined;
  try {
    if (!request.dryRun) {
      const { run, actor, change } = request;
      lease = await platform.state.lock.acquire({ run, actor, action: change.action, since: new Date().toISOString() });
    }
    // What a killed change left is brought to an end first, so that this one begins with a fleet that somebody wanted.
    if (!request.dryRun) await recover({ platform, actor: request.actor, emit: context.emit });
    const part = await underLock(context, stages);
    return { ...base, ...part, durationMs: elapsed(started) };
  } catch (thrown) {
    const error = asDeployError(thrown);
    return { ...base, outcome: error.severity === 'refused' ? 'refused' : 'restored', error: error.toJSON(), durationMs: elapsed(started) };
  } finally {
    await lease?.release();
  }
}

type Part = Pick<ChangeResult, 'outcome'> & Partial<ChangeResult>;

async function underLock(context: ChangeContext, stages: Stages): Promise<Part> {
  const { platform, request, emit } = context;
  const observed = await platform.list();
  const goal = await goalOf(platform, request, observed);
  const to = desiredFleet(goal);
  const early = Object.entries(goal.release.spec.processes).flatMap(([name, spec]) => (spec.early === true ? [name] : []));
  const plan = makePlan({ platform, strategy: request.strategy, from: observed, to, drift: await platform.drift(), early });
  const previous = previousOf(observed, goal.release.id);
  const facts = { release: goal.release.id, ...(previous === undefined ? {} : { previous }), ...await urlOf(platform) };
  if (request.dryRun) return { outcome: plan.kind === 'unchanged' ? 'unchanged' : 'planned', plan: printPlan(plan), ...facts };
  if (plan.kind === 'unchanged') return { outcome: 'unchanged', ...facts };
  emit({ type: 'plan', release: goal.release.id, from: plan.from, steps: plan.steps });
  await timed(context, stages, 'preflight', () => platform.preflight());
  await timed(context, stages, 'stage', () => stageGoal(context, goal));
  const result = await record(context, { goal, plan, previous, stages });
  return { ...facts, ...result, ...await urlOf(platform) };
}

/** The release that had the traffic, unless it is the one that is wanted. */
function previousOf(observed: Observed, goal: ReleaseId): ReleaseId | undefined {
  const live = liveRelease(observed);
  return live === goal ? undefined : live;
}

async function urlOf(platform: Platform): Promise<{ readonly url?: string }> {
  const url = await platform.url();
  return url === undefined ? {} : { url };
}

async function stageGoal({ platform, request }: ChangeContext, goal: Goal): Promise<void> {
  if (request.change.action === 'deploy') await platform.state.config.seal(request.change.deployable.config);
  await platform.stage(goal.release);
}

interface Running {
  readonly goal: Goal;
  readonly plan: Walk;
  readonly previous: ReleaseId | undefined;
  readonly stages: Stages;
}

/** Writes the ledger's two entries around the walk. */
async function record(context: ChangeContext, running: Running): Promise<Part> {
  const { platform, request } = context;
  const { goal, plan, previous } = running;
  const started = performance.now();
  const common = { run: request.run, action: request.change.action, release: goal.release.id, actor: request.actor, ...(previous === undefined ? {} : { previous }) };
  const manifest = goal.release.manifest;
  await platform.state.ledger.append({
    kind: 'start', at: new Date().toISOString(), strategy: plan.strategy, processes: goal.processes, ...(manifest === undefined ? {} : { manifest }), ...common,
  });
  const result = await putBack(platform, await walk(context, running));
  const errors = {
    ...('error' in result ? { error: result.error.toJSON() } : {}),
    ...('restoreError' in result ? { restoreError: result.restoreError.toJSON() } : {}),
  };
  const end = async (): Promise<Part> => {
    const traffic = await trafficOf(platform, plan, elapsed(started));
    const entry = await timed(context, running.stages, 'record', () => platform.state.ledger.append({
      kind: 'end', at: new Date().toISOString(), outcome: result.outcome, durationMs: elapsed(started), traffic,
      ...('error' in result ? { error: result.error.toJSON() } : {}), ...common,
    }));
    // A change that could not be restored stays on record, for `status` and for the next command to recover.
    if (result.outcome !== 'not-restored') await platform.state.journal.clear();
    if (result.outcome === 'done') await prune(context, goal.release.id);
    return { outcome: result.outcome, traffic, ledgerHead: entry.hash, ...await describeChange(platform, goal.release, previous), ...errors };
  };
  return end().catch((thrown: unknown) => unrecorded(context, { outcome: result.outcome, ...errors }, asDeployError(thrown)));
}

/** A restore is complete when the address is back as well. */
async function putBack(platform: Platform, result: ApplyResult): Promise<ApplyResult> {
  if (result.outcome !== 'restored') return result;
  try {
    await platform.revert();
    return result;
  } catch (thrown) {
    return { outcome: 'not-restored', error: result.error, restoreError: asDeployError(thrown) };
  }
}

/** What was done stands when its record cannot be finished, and must not pass for restored or refused. */
function unrecorded({ emit }: ChangeContext, part: Part, cause: DeployError): Part {
  emit({ type: 'note', text: `the record of this run could not be finished: ${cause.message}` });
  if (part.outcome !== 'done') return part;
  const error = new DeployError('ND-NOT-RESTORED', {
    what: 'the change was made, but its record could not be finished', why: `${cause.code}: ${cause.message}`,
    next: 'remove the cause and run the command again; status shows what runs',
  });
  return { outcome: 'not-restored', error: error.toJSON() };
}

async function walk(context: ChangeContext, running: Running): Promise<ApplyResult> {
  const { platform, request, emit, signal } = context;
  const { goal, plan, stages } = running;
  const releases = await releasesOf(platform, plan, goal);
  const journal = journalOf(context, plan, releases);
  const facts = hookFacts(request, running);
  const hooks = (name: 'before' | 'after', stage: StageName): Promise<void> => {
    const list = request.hooks[name];
    if (list.length === 0) return Promise.resolve();
    const label = `${name === 'before' ? 'pre' : 'post'}${request.change.action === 'deploy' ? 'Deploy' : 'Rollback'}`;
    return timed(context, stages, stage, async () => {
      await journal({ kind: 'hook', key: label }, false);
      await runHooks(label, list, facts, emit, signal);
    });
  };
  try {
    await hooks('before', 'before-hooks');
    return await timed(context, stages, 'walk', () => apply({
      platform, plan, releases, journal, emit, signal,
      deadlines: { readyTimeout: (release) => release.spec.health.timeout, whole: request.deadline },
      afterWalk: () => hooks('after', 'after-hooks'),
    }));
  } catch (thrown) {
    // Neither a hook before the walk nor a walk that does not begin has changed anything.
    return { outcome: 'restored', error: asDeployError(thrown) };
  }
}

/** Whole records of every release that the walk touches; those of `from` are needed to restore. */
async function releasesOf(platform: Platform, plan: Walk, goal: Goal): Promise<ReadonlyMap<ReleaseId, Release>> {
  const found = new Map([[goal.release.id, goal.release]]);
  for (const id of Object.keys(plan.from)) {
    const release = id === goal.release.id ? undefined : await platform.state.releases.get(id);
    if (release !== undefined) found.set(id, release);
  }
  return found;
}

type WriteJournal = (effect: JournalRecord['effect'], committed: boolean) => Promise<void>;

function journalOf({ platform, request }: ChangeContext, plan: Walk, releases: ReadonlyMap<ReleaseId, Release>): WriteJournal {
  const startedAt = new Date().toISOString();
  let epoch = 0;
  return async (effect, committed) => {
    epoch += 1;
    await platform.state.journal.write({
      schema: STATE_SCHEMA, run: request.run, action: request.change.action, actor: request.actor, startedAt, epoch, effect,
      from: plan.from, to: plan.to, releases: Object.fromEntries(releases), committed,
    });
  };
}

function hookFacts(request: ChangeRequest, { goal, previous }: Running): Readonly<Record<string, string>> {
  return {
    NX_DEPLOY_ACTION: request.change.action,
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

async function trafficOf(platform: Platform, plan: { readonly from: Desired; readonly to: Desired }, window: Ms): Promise<{ requests: number; errors: number }> {
  const ids = [...new Set([...Object.keys(plan.from), ...Object.keys(plan.to)])];
  const all = await Promise.all(ids.map(async (id) => platform.metrics?.(id, window)));
  return {
    requests: all.reduce((sum, metrics) => sum + (metrics?.requests ?? 0), 0),
    errors: all.reduce((sum, metrics) => sum + (metrics?.errors ?? 0), 0),
  };
}

async function timed<T>({ emit, signal }: ChangeContext, stages: Stages, stage: StageName, work: () => Promise<T>): Promise<T> {
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

function elapsed(since: number): Ms {
  return Math.round(performance.now() - since);
}
