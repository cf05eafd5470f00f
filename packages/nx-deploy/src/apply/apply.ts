import { asDeployError, DeployError } from '../errors.js';
import { liveRelease, type Desired, type Observed, type ReleaseId, type Step } from '../model/index.js';
import { bounds, type Bounds } from './bounds.js';
import { converge, type Goal } from './converge.js';
import { isUnready } from './difference.js';
import { passGate, unsupportedGates, type Subject } from './gates.js';
import type { Asked } from './request.js';
import { graceOf, hands, restoringHands, unfailing, type Hands } from './hands.js';
import type { ApplyRequest, ApplyResult } from './request.js';

type Question = Asked & { readonly steps: readonly Step[] };

/** What the way back has to know of the way so far. */
interface Progress {
  committed: boolean;
  /** Releases that had instances which were not ready before anything began. */
  unready: ReadonlySet<ReleaseId>;
}

/**
 * Walks through the fleets of a plan; the only code that does. What fails, is cancelled or takes too long before the commit is undone by
 * converging back to `from`, make before break unless the walk itself stopped everything first (recreate); after the commit the walk is
 * brought to its end instead. The end of the last step is a commit too.
 *
 * Platform calls may overlap in one case: a call that hangs is left alone after the deadline and `grace`, and the restore begins.
 *
 * A gate that asks a person ends the walk where it is: what is left of it is in the result.
 *
 * @throws DeployError before anything begins: ND-ABILITY-MISSING, ND-RELEASE-UNKNOWN.
 */
export async function apply(request: ApplyRequest): Promise<ApplyResult> {
  refuse(request);
  const progress: Progress = { committed: false, unready: new Set() };
  const within = boundsOf(request, 'the deploy', request.deadlines.whole, request.signal);
  try {
    const question = await walk(request, hands(request, within, () => progress.committed), progress);
    return question === undefined ? { outcome: 'done' } : { outcome: 'paused', ...question };
  } catch (thrown) {
    return await recover(request, progress, asDeployError(thrown));
  } finally {
    within.close();
  }
}

function refuse({ plan, platform, releases }: ApplyRequest): void {
  const unsupported = unsupportedGates(plan.steps, platform);
  if (unsupported !== undefined) throw unsupported;
  const arriving = [...Object.keys(plan.to), ...plan.steps.flatMap((step) => ('native' in step ? [step.release] : []))];
  const unknown = arriving.filter((id) => !releases.has(id));
  if (unknown.length > 0) {
    throw new DeployError('ND-RELEASE-UNKNOWN', { what: `there is no record of release ${[...new Set(unknown)].join(', ')}`, next: 'deploy it from its source' });
  }
}

async function walk(request: ApplyRequest, hands: Hands, progress: Progress): Promise<Question | undefined> {
  const { steps } = request.plan;
  const initial = await hands.observe();
  progress.unready = new Set(Object.keys(initial).filter((id) => isUnready(initial[id])));
  // Nothing is done before the first step.
  const seen = (index: number): Observed | undefined => (index === 0 ? initial : undefined);
  for (const [index, step] of steps.entries()) {
    hands.emit({ type: 'step', index, of: steps.length, desired: 'reach' in step ? step.reach : step.desired });
    if ('native' in step) {
      await leaveToPlatform(request, hands, step);
      continue;
    }
    const question = await take(request, hands, step, seen(index));
    if (question !== undefined) return { ...question, steps: [...question.steps, ...steps.slice(index + 1)] };
    if (step.commit === true) await settle(request, hands, progress, index);
  }
  await settle(request, hands, progress, steps.length - 1);
  return undefined;
}

/** Resolves with what a person is asked, and with the step that is left once it is answered. */
async function take(request: ApplyRequest, hands: Hands, step: Extract<Step, { reach: Desired }>, seen: Observed | undefined): Promise<Question | undefined> {
  await converge(hands, forward(request, step.reach), seen);
  const subject = subjectOf(request, step.reach);
  const gates = step.then ?? [];
  for (const [index, gate] of gates.entries()) {
    const asked = await passGate(hands, gate, subject);
    if (asked !== undefined) return { ...asked, steps: [{ ...step, then: gates.slice(index + 1) }] };
  }
  return undefined;
}

async function leaveToPlatform(request: ApplyRequest, hands: Hands, step: Extract<Step, { native: unknown }>): Promise<void> {
  const native = hands.platform.native?.[step.native];
  const release = hands.releases.get(step.release);
  // Both were checked before the walk began.
  if (native === undefined || release === undefined) throw new DeployError('ND-INTERNAL', { what: `no ${step.native} of ${step.release}` });
  await hands.perform({ kind: 'scale', key: `${step.native} ${step.release}` }, () => native(release, step.desired));
  // What a platform did by itself is read from its state; whatever is still missing is done here.
  await converge(hands, forward(request, step.desired));
}

/** What has to succeed for the change to stand comes before the commit, so that its failure takes the change back; once for each change. */
async function settle({ afterWalk }: ApplyRequest, hands: Hands, progress: Progress, index: number): Promise<void> {
  if (progress.committed) return;
  if (afterWalk !== undefined) await hands.bounds.change(afterWalk);
  await commit(hands, progress, index);
}

/** The record is written first: a crash right after it goes forward, and so does everything that fails from here on. */
async function commit(hands: Hands, progress: Progress, index: number): Promise<void> {
  hands.bounds.check();
  progress.committed = true;
  try {
    await hands.record({ kind: 'commit', key: `step ${index + 1}` });
  } catch (thrown) {
    // Cancelled in between, or not written: in doubt nothing is committed, and the restore writes its own record first.
    progress.committed = false;
    throw thrown;
  }
}

async function recover(request: ApplyRequest, progress: Progress, error: DeployError): Promise<ApplyResult> {
  const { plan, deadlines } = request;
  const emit = unfailing(request.emit);
  if (progress.committed) emit({ type: 'note', text: `after the commit the deploy is brought to its end: ${error.message}` });
  else emit({ type: 'restore', reason: error.message });
  const within = boundsOf(request, progress.committed ? 'finishing' : 'restoring', deadlines.restore ?? deadlines.whole);
  const means = restoringHands(request, within, () => progress.committed);
  try {
    await means.record({ kind: 'restore', key: progress.committed ? 'to' : 'from' });
    await converge(means, progress.committed ? forward(request, plan.to) : backward(request, progress));
    return progress.committed ? { outcome: 'done' } : { outcome: 'restored', error };
  } catch (thrown) {
    return { outcome: 'not-restored', error, restoreError: asDeployError(thrown) };
  } finally {
    within.close();
  }
}

function forward({ platform, plan }: ApplyRequest, target: Desired): Goal {
  // What is kept warm is on its way out too: that a broken one cannot be brought back is no reason not to replace it.
  const leaving = new Set(Object.keys(plan.from).filter((id) => plan.to[id] === undefined || plan.to[id]?.until !== undefined));
  const [arriving] = arrivingIn(plan);
  return { target, together: platform.can.includes('overlap'), leaving, lenient: new Set(), settings: true, ...(arriving === undefined ? {} : { arriving }) };
}

/** A walk that stopped everything first does so for a service that must never run twice: its way back does the same. */
function backward({ platform, plan }: ApplyRequest, progress: Progress): Goal {
  const stopsFirst = Object.keys(plan.from).length > 0 && plan.steps.some((step, index) =>
    index < plan.steps.length - 1 && 'reach' in step && Object.keys(step.reach).length === 0);
  return { target: plan.from, together: platform.can.includes('overlap') && !stopsFirst, leaving: new Set(), lenient: progress.unready, settings: false };
}

/** The releases whose share of the traffic grows. */
function arrivingIn({ from, to }: ApplyRequest['plan']): readonly ReleaseId[] {
  return Object.keys(to).filter((id) => (to[id]?.weight ?? 0) > (from[id]?.weight ?? 0));
}

function subjectOf({ plan, baseline }: ApplyRequest, reached: Desired): Subject {
  const arriving = arrivingIn(plan);
  const stable = liveRelease(plan.from);
  const compared = stable !== undefined && !arriving.includes(stable) && (reached[stable]?.weight ?? 0) > 0;
  return { arriving: arriving.length === 0 ? Object.keys(plan.to) : arriving, stable: compared ? stable : undefined, baseline };
}

function boundsOf(request: ApplyRequest, task: string, whole: number, signal?: AbortSignal): Bounds {
  const clock = request.clock ?? (() => performance.now());
  return bounds({ task, whole, grace: graceOf(request), clock, ...(signal === undefined ? {} : { signal }) });
}
