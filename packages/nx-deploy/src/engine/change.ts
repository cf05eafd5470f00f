/** One deploy or rollback from lock to ledger. Runs where the walker lives: in the agent, or in a process of its own. */
import type { ApplyResult } from '../apply/index.js';
import { asDeployError, DeployError, type SerializedError } from '../errors.js';
import { liveRelease, type Desired, type Ms, type Observed, type ReleaseId } from '../model/index.js';
import { makePlan, printPlan } from '../plan/index.js';
import type { Platform } from '../platforms/platform.js';
import type { Action } from '../releases/index.js';
import { closeOpenRuns, tellRecovered } from './open-runs.js';
import { prune } from './prune.js';
import { recover, type Recovery } from './recover.js';
import { describeChange } from './report.js';
import type { Change, ChangeRequest, ChangeResult } from './request.js';
import { interruptedChange, resume, type Interrupted } from './resume.js';
import { desiredFleet, goalOf, type Goal } from './target.js';
import { elapsed, timed, walk, type ChangeContext, type Course, type HeldChange, type Stages } from './walk.js';

export type { ChangeContext } from './walk.js';

/** Never rejects: what goes wrong is the result's outcome and error. */
export async function runChange(context: ChangeContext): Promise<ChangeResult> {
  const { platform, request } = context;
  const started = performance.now();
  const stages: Stages = {};
  let action = actionOf(request);
  const result = (part: Part): ChangeResult => ({
    run: request.run, action, service: request.service, environment: request.environment, stages, ...part, durationMs: elapsed(started),
  });
  let held: HeldChange = { ...context, action, hooks: request.hooks, stages };
  try {
    if (!request.dryRun) {
      const { run, actor } = request;
      held = { ...held, lease: await platform.state.lock.acquire({ run, actor, action, since: new Date().toISOString() }) };
    }
    const wanted = request.change.action === 'resume' ? await interruptedChange(platform) : request.change;
    ({ action } = wanted);
    held = { ...held, action, hooks: hooksOf(request, action) };
    return result(await underLock(held, wanted));
  } catch (thrown) {
    const error = asDeployError(thrown);
    return result({ outcome: error.severity === 'refused' ? 'refused' : 'restored', error: error.toJSON() });
  } finally {
    await held.lease?.release();
  }
}

type Part = Pick<ChangeResult, 'outcome'> & Partial<ChangeResult>;

/** What is to be resumed may be either; until that is known it counts as a deploy. */
function actionOf({ change }: ChangeRequest): Action {
  return change.action === 'rollback' ? 'rollback' : 'deploy';
}

function hooksOf({ change, hooks }: ChangeRequest, action: Action): ChangeRequest['hooks'] {
  return change.action === 'resume' && action === 'rollback' ? change.rollbackHooks : hooks;
}

async function underLock(context: HeldChange, wanted: Change | Interrupted): Promise<Part> {
  const { platform, request } = context;
  if (!request.dryRun && 'goal' in wanted) {
    const resumed = await resume(context, wanted);
    const { goal, previous } = wanted;
    if (resumed !== undefined) return { ...await factsOf(platform, goal.release.id, previous), ...await describeChange(platform, goal.release, previous).catch(() => ({})), ...resumed };
  }
  // What a killed change left is brought to an end first, so that this one begins with a fleet that somebody wanted.
  const recovery = request.dryRun ? undefined : await recoverFirst(context);
  const observed = await platform.list();
  const live = liveRelease(observed);
  // Whoever asks to go back from a change that was interrupted wants what ran before it, and that is what the recovery brought back.
  if (recovery?.way === 'back' && live !== undefined && wanted.action === 'rollback' && !('goal' in wanted) && wanted.to === undefined) return { outcome: 'done', ...await factsOf(platform, live, undefined) };
  return change(context, observed, 'goal' in wanted ? wanted.goal : await goalOf(platform, { service: request.service, change: wanted }, observed));
}

async function recoverFirst({ platform, request, emit, lease }: HeldChange): Promise<Recovery | undefined> {
  const { actor } = request;
  const recovery = await recover({ platform, actor, emit, ...(lease === undefined ? {} : { lease }) });
  if (recovery !== undefined) return recovery;
  for (const text of await closeOpenRuns({ platform, actor, lease })) emit({ type: 'note', text });
  await tellRecovered(platform, emit);
  return undefined;
}

async function change(context: HeldChange, observed: Observed, goal: Goal): Promise<Part> {
  const { platform, request, emit, stages } = context;
  const to = desiredFleet(goal);
  const early = Object.entries(goal.release.spec.processes).flatMap(([name, spec]) => (spec.early === true ? [name] : []));
  const plan = makePlan({ platform, strategy: request.strategy, from: observed, to, drift: await platform.drift(), early });
  const previous = previousOf(observed, goal.release.id);
  const facts = await factsOf(platform, goal.release.id, previous);
  if (request.dryRun) return { outcome: plan.kind === 'unchanged' ? 'unchanged' : 'planned', plan: printPlan(plan), ...facts };
  if (plan.kind === 'unchanged') return { outcome: 'unchanged', ...facts };
  emit({ type: 'plan', release: goal.release.id, from: plan.from, steps: plan.steps });
  await timed(context, stages, 'preflight', () => platform.preflight());
  await timed(context, stages, 'stage', () => stageGoal(context, goal));
  const result = await record(context, { goal, plan, previous });
  return { ...facts, ...result, ...await urlOf(platform) };
}

/** The release that had the traffic, unless it is the one that is wanted. */
function previousOf(observed: Observed, goal: ReleaseId): ReleaseId | undefined {
  const live = liveRelease(observed);
  return live === goal ? undefined : live;
}

async function factsOf(platform: Platform, release: ReleaseId, previous: ReleaseId | undefined): Promise<Pick<ChangeResult, 'release' | 'previous' | 'url'>> {
  return { release, ...(previous === undefined ? {} : { previous }), ...await urlOf(platform) };
}

/** Asked after the change as well, where a platform that is gone must not make what was done look undone. */
async function urlOf(platform: Platform): Promise<{ readonly url?: string }> {
  const url = await platform.url().catch(() => undefined);
  return url === undefined ? {} : { url };
}

async function stageGoal({ platform, request }: ChangeContext, goal: Goal): Promise<void> {
  if (request.change.action === 'deploy') await platform.state.config.seal(request.change.deployable.config);
  await platform.stage(goal.release);
}

/** Writes the ledger's two entries around the walk. */
async function record(context: HeldChange, course: Course): Promise<Part> {
  const { platform, request, action, stages, lease } = context;
  const { goal, plan, previous } = course;
  const started = performance.now();
  const common = { run: request.run, action, release: goal.release.id, actor: request.actor, ...(previous === undefined ? {} : { previous }) };
  const manifest = goal.release.manifest;
  await lease?.assert();
  await platform.state.ledger.append({
    kind: 'start', at: new Date().toISOString(), strategy: plan.strategy, processes: goal.processes, ...(manifest === undefined ? {} : { manifest }), ...common,
  });
  const result = await putBack(platform, await walk(context, course));
  const errors = {
    ...('error' in result ? { error: result.error.toJSON() } : {}),
    ...('restoreError' in result ? { restoreError: result.restoreError.toJSON() } : {}),
  };
  const end = async (): Promise<Part> => {
    const traffic = await trafficOf(platform, plan, elapsed(started));
    // Without the lease the record is another run's to finish.
    await lease?.assert();
    const entry = await timed(context, stages, 'record', () => platform.state.ledger.append({
      kind: 'end', at: new Date().toISOString(), outcome: result.outcome, durationMs: elapsed(started), traffic,
      ...('error' in result ? { error: withoutOutput(result.error) } : {}), ...common,
    }));
    // A change that could not be restored stays on record, for `status` and for the next command to recover.
    if (result.outcome !== 'not-restored') await platform.state.journal.clear();
    if (result.outcome === 'done') await prune(context, goal.release.id);
    return { outcome: result.outcome, traffic, ledgerHead: entry.hash, ...await describeChange(platform, goal.release, previous), ...errors };
  };
  return end().catch((thrown: unknown) => unrecorded(context, { outcome: result.outcome, ...errors }, asDeployError(thrown)));
}

/** The ledger stays for good: what a service or a hook printed last is for the user's eyes. */
function withoutOutput(error: DeployError): SerializedError {
  const { problems: _problems, ...rest } = error.toJSON();
  return rest;
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

async function trafficOf(platform: Platform, plan: { readonly from: Desired; readonly to: Desired }, window: Ms): Promise<{ requests: number; errors: number }> {
  const ids = [...new Set([...Object.keys(plan.from), ...Object.keys(plan.to)])];
  const all = await Promise.all(ids.map(async (id) => platform.metrics?.(id, window)));
  return {
    requests: all.reduce((sum, metrics) => sum + (metrics?.requests ?? 0), 0),
    errors: all.reduce((sum, metrics) => sum + (metrics?.errors ?? 0), 0),
  };
}
