/** One deploy or rollback from lock to ledger. Runs where the walker lives: in the agent, or in a process of its own. */
import { asDeployError, DeployError } from '../errors.js';
import { liveRelease, type Observed, type ReleaseId } from '../model/index.js';
import { makePlan, printPlan } from '../plan/index.js';
import type { Platform } from '../platforms/platform.js';
import type { Action } from '../releases/index.js';
import { answer, refuseWaiting } from './decide.js';
import { expireWarm } from './expire.js';
import { closeOpenRuns, tellRecovered } from './open-runs.js';
import { openNotices } from './notices.js';
import { endOrphanedHook } from './orphaned-hook.js';
import { recordEnd, recordStart, type Part } from './record.js';
import { recover, type Recovery } from './recover.js';
import { describeChange } from './report.js';
import type { Change, ChangeRequest, ChangeResult, Decision } from './request.js';
import { interruptedChange, resume, type Interrupted } from './resume.js';
import { desiredFleet, goalOf, type Goal } from './target.js';
import { elapsed, timed, walk, type ChangeContext, type Course, type HeldChange, type Stages } from './walk.js';

export type { ChangeContext } from './walk.js';

/** Never rejects: what goes wrong is the result's outcome and error. */
export async function runChange(context: ChangeContext): Promise<ChangeResult> {
  const notices = openNotices(context);
  const result = await locked({ ...context, emit: notices.emit });
  await notices.end(result);
  return result;
}

async function locked(context: ChangeContext): Promise<ChangeResult> {
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
      await endOrphanedHook({ state: platform.state, told: true, say: (text) => context.emit({ type: 'note', text }) });
    }
    if (request.dryRun) await refuseWaiting(platform);
    const wanted = request.change.action === 'resume' ? await interruptedChange(platform) : request.change;
    action = wanted.action === 'rollback' ? 'rollback' : 'deploy';
    held = { ...held, action, hooks: hooksOf(request, action) };
    return result(await underLock(held, wanted));
  } catch (thrown) {
    const error = asDeployError(thrown);
    return result({ outcome: error.severity === 'refused' ? 'refused' : 'restored', error: error.toJSON() });
  } finally {
    await held.lease?.release();
  }
}

/** What is to be resumed may be either; until that is known it counts as a deploy, and so does an answer. */
function actionOf({ change }: ChangeRequest): Action {
  return change.action === 'rollback' ? 'rollback' : 'deploy';
}

function hooksOf({ change, hooks }: ChangeRequest, action: Action): ChangeRequest['hooks'] {
  return change.action === 'resume' && action === 'rollback' ? change.rollbackHooks : hooks;
}

async function underLock(context: HeldChange, wanted: Change | Interrupted | Decision): Promise<Part> {
  const { platform, request, emit, lease } = context;
  if (!request.dryRun && !('goal' in wanted)) {
    const answered = await answer(context, wanted);
    if (answered !== undefined) return { ...answered, ...await urlOf(platform) };
  }
  // An answer to nothing was refused above, and is never asked for as a dry run.
  if (isDecision(wanted)) throw new DeployError('ND-OPTION-INVALID', { what: `${wanted.action} has no dry run` });
  if (!request.dryRun && 'goal' in wanted) {
    const resumed = await resume(context, wanted);
    const { goal, previous } = wanted;
    if (resumed !== undefined) return { ...await factsOf(platform, goal.release.id, previous), ...await describeChange(platform, goal.release, previous).catch(() => ({})), ...resumed };
  }
  // What a killed change left is brought to an end first, so that this one begins with a fleet that somebody wanted.
  const recovery = request.dryRun ? undefined : await recoverFirst(context);
  const expired = request.dryRun ? undefined : await expireWarm({ platform, now: Date.now(), emit, ...(lease === undefined ? {} : { lease }) });
  const observed = expired?.fleet ?? await platform.list();
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
  const plan = makePlan({ platform, strategy: request.strategy, from: observed, to, drift: await platform.drift(), early, urgent: context.action === 'rollback' });
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

function isDecision(wanted: Change | Interrupted | Decision): wanted is Decision {
  return wanted.action === 'approve' || wanted.action === 'reject';
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
  const started = performance.now();
  await recordStart(context, course);
  return recordEnd(context, course, await walk(context, course), started);
}
