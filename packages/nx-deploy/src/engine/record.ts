/** What a change leaves in the ledger: its beginning, its end, and why it failed. */
import type { ApplyResult } from '../apply/index.js';
import { asDeployError, DeployError, type SerializedError } from '../errors.js';
import type { Desired, Ms } from '../model/index.js';
import type { Platform } from '../platforms/platform.js';
import type { PlatformSettings } from '../releases/index.js';
import { prune } from './prune.js';
import { describeChange } from './report.js';
import { questionId } from './question.js';
import type { ChangeResult, Question } from './request.js';
import { elapsed, timed, type ChangeContext, type Course, type HeldChange } from './walk.js';

/** What a change came to, without the facts that every result has. */
export type Part = Pick<ChangeResult, 'outcome'> & Partial<ChangeResult>;

export async function recordStart(context: HeldChange, { goal, plan, previous }: Course): Promise<void> {
  const { platform, request, action, lease } = context;
  const manifest = goal.release.manifest;
  await lease?.assert();
  await platform.state.ledger.append({
    kind: 'start', at: new Date().toISOString(), run: request.run, action, release: goal.release.id, actor: request.actor,
    strategy: plan.strategy, processes: goal.processes,
    ...(previous === undefined ? {} : { previous }),
    ...(manifest === undefined ? {} : { manifest }),
    ...(request.reason === undefined ? {} : { reason: request.reason }),
  });
}

/** `started`: of this part of the change, on the monotonic clock. */
export async function recordEnd(context: HeldChange, course: Course, walked: ApplyResult, started: Ms): Promise<Part> {
  const { platform, request, action, stages, lease } = context;
  const { goal, plan, previous } = course;
  const result = await putBack(platform, walked, course.continued?.settings);
  if (result.outcome === 'paused') {
    // The figures are what the answer is judged by.
    const traffic = await trafficOf(platform, plan, elapsed(started)).catch(() => undefined);
    return { outcome: 'paused', paused: await questionOf(context, result), ...(traffic === undefined ? {} : { traffic }), ...await describeChange(platform, goal.release, previous).catch(() => ({})) };
  }
  const errors = {
    ...('error' in result ? { error: result.error.toJSON() } : {}),
    ...('restoreError' in result ? { restoreError: result.restoreError.toJSON() } : {}),
  };
  const end = async (): Promise<Part> => {
    const traffic = await trafficOf(platform, plan, elapsed(started));
    // Without the lease the record is another run's to finish.
    await lease?.assert();
    const entry = await timed(context, stages, 'record', () => platform.state.ledger.append({
      kind: 'end', at: new Date().toISOString(), run: request.run, action, release: goal.release.id, actor: request.actor,
      outcome: result.outcome, durationMs: elapsed(started), traffic,
      ...(previous === undefined ? {} : { previous }),
      ...('error' in result ? { error: withoutOutput(result.error) } : {}),
    }));
    // A change that could not be restored stays on record, for `status` and for the next command to recover.
    if (result.outcome !== 'not-restored') await platform.state.journal.clear();
    if (result.outcome === 'done') await prune(context, goal.release.id);
    return { outcome: result.outcome, traffic, ledgerHead: entry.hash, ...await describeChange(platform, goal.release, previous), ...errors };
  };
  return end().catch((thrown: unknown) => unrecorded(context, { outcome: result.outcome, ...errors }, asDeployError(thrown)));
}

async function questionOf({ platform, request: { run } }: HeldChange, { gate, expires }: Extract<ApplyResult, { outcome: 'paused' }>): Promise<Question> {
  const left = await platform.state.journal.read().catch(() => undefined);
  return { ...(left?.paused === undefined ? {} : { id: questionId({ run, paused: left.paused }) }), run, gate, expires };
}

/** The ledger stays for good: what a service or a hook printed last is for the user's eyes. */
function withoutOutput(error: DeployError): SerializedError {
  const { problems: _problems, ...rest } = error.toJSON();
  return rest;
}

/** A restore is complete when the address is back as well. `settings`: of a change that waited for a person, from before it began. */
async function putBack(platform: Platform, result: ApplyResult, settings: PlatformSettings | undefined): Promise<ApplyResult> {
  if (result.outcome !== 'restored') return result;
  try {
    await platform.revert(settings);
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
