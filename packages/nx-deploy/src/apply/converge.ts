import { DeployError } from '../errors.js';
import { least, type Desired, type Observed, type ReleaseId } from '../model/index.js';
import type { Readiness } from '../platforms/platform.js';
import {
  exclusiveOf, growth, isUnready, processesText, runningOf, sameWeights, servable, shortfalls, shrinkage, strands, weightsFor, weightsWithout, without, type Weights,
} from './difference.js';
import type { Hands } from './hands.js';

export interface Goal {
  readonly target: Desired;
  /** Make before break: what is wanted runs and has the traffic before anything stops. Otherwise break before make. */
  readonly together: boolean;
  /** Releases on their way out: neither started again nor waited for, so that a broken one can be replaced. */
  readonly leaving: ReadonlySet<ReleaseId>;
  /** Releases that were not ready before anything began: that they are not ready is told, and fails nothing. */
  readonly lenient: ReadonlySet<ReleaseId>;
  /** The release that the change brings, for testers who ask for it; undefined on the way back. */
  readonly arriving?: ReleaseId;
  /** Bring settings that belong to no release in line (Platform.drift). */
  readonly settings: boolean;
}

/**
 * Brings the platform to one fleet. What is there already is left alone. `seen`: what is there, for whoever has just looked.
 * @throws DeployError ND-NOT-READY, ND-DEADLINE, ND-CANCELLED, or what the platform throws.
 */
export async function converge(hands: Hands, goal: Goal, seen?: Observed): Promise<void> {
  const before = seen ?? await hands.observe();
  await stage(hands, goal, before);
  const room = goal.together ? before : await makeRoom(hands, goal, before);
  const grown = await grow(hands, goal, await giveWay(hands, goal, room));
  const waited = await awaitReady(hands, goal, room, grown);
  const routed = await route(hands, goal, waited ? await hands.observe() : room);
  const told = await keep(hands, goal, routed);
  const left = await shrink(hands, goal, routed);
  verify(goal, told && left === routed ? await hands.observe() : left);
}

/** Brings every release that has to grow onto the target: first, so that what fails here has changed nothing that serves. */
async function stage({ platform, bounds, releases, perform }: Hands, goal: Goal, observed: Observed): Promise<void> {
  for (const id of growing(goal, observed)) {
    if (await bounds.ask(() => platform.exists(id))) continue;
    const release = releases.get(id);
    if (release === undefined) throw new DeployError('ND-ARTIFACT-MISSING', { what: `release ${id} is not on the target any more`, next: 'deploy again from its source' });
    await perform({ kind: 'stage', key: id }, () => platform.stage(release));
  }
}

/** Break before make: takes the traffic from what leaves, then stops it. */
async function makeRoom(hands: Hands, { target }: Goal, observed: Observed): Promise<Observed> {
  const leavers = Object.keys(observed).filter((id) => target[id] === undefined);
  const weights = weightsWithout(leavers, observed);
  if (!sameWeights(weights, observed)) await routeTo(hands, weights);
  return scaleDown(hands, target, sameWeights(weights, observed) ? observed : await hands.observe());
}

/** What may not run in two releases at once ends in the others before it starts in one. */
async function giveWay(hands: Hands, goal: Goal, observed: Observed): Promise<Observed> {
  const { platform, perform, releases, emit } = hands;
  const coming = growing(goal, observed).flatMap((id) => exclusiveOf(releases.get(id)).filter((name) => least(goal.target[id]?.processes[name]) > runningOf(observed[id], name)).map((name) => ({ id, name })));
  const ends = Object.entries(observed).flatMap(([id, have]) => {
    const names = coming.filter((each) => each.id !== id && runningOf(have, each.name) > 0).map(({ name }) => name);
    return names.length === 0 ? [] : [{ id, processes: without(have, names) }];
  });
  for (const { id, processes } of ends) {
    emit({ type: 'waiting', release: id, for: `processes that run in one release alone to stop (${processesText(processes)})` });
    await perform({ kind: 'scale', key: `${id} ${processesText(processes)}` }, () => platform.scale(id, processes));
  }
  return ends.length === 0 ? observed : hands.observe();
}

async function grow({ platform, perform }: Hands, goal: Goal, observed: Observed): Promise<readonly ReleaseId[]> {
  const ids = growing(goal, observed);
  for (const id of ids) {
    const processes = growth(goal.target[id]?.processes ?? {}, observed[id]) ?? {};
    await perform({ kind: 'scale', key: `${id} ${processesText(processes)}` }, () => platform.scale(id, processes));
  }
  return ids;
}

function growing({ target, leaving }: Goal, observed: Observed): readonly ReleaseId[] {
  return Object.entries(target).filter(([id, { processes }]) => !leaving.has(id) && growth(processes, observed[id]) !== undefined).map(([id]) => id);
}

async function awaitReady(hands: Hands, { target, leaving, lenient }: Goal, observed: Observed, grown: readonly ReleaseId[]): Promise<boolean> {
  const ids = Object.keys(target).filter((id) => !leaving.has(id) && (grown.includes(id) || isUnready(observed[id])));
  for (const id of ids) {
    hands.emit({ type: 'waiting', release: id, for: `every instance to be ready (${processesText(target[id]?.processes ?? {})})` });
    await hands.record({ kind: 'ready', key: id });
    const timeout = Math.min(hands.readyTimeout(id), hands.bounds.remaining());
    const readiness = await hands.bounds.ask(() => hands.platform.ready(id, timeout));
    if (readiness.ready) continue;
    if (!lenient.has(id)) throw notReady(id, readiness);
    hands.emit({ type: 'note', text: `release ${id} is not ready, as before: ${printable(readiness.reason)}` });
  }
  return ids.length > 0;
}

async function route(hands: Hands, { target, settings, arriving }: Goal, observed: Observed): Promise<Observed> {
  const weights = servable(weightsFor(target, observed), observed);
  const drifted = settings && (await hands.bounds.ask(() => hands.platform.drift())).length > 0;
  // Testers reach it before anybody else does, so the router has to know of it.
  const preview = arriving !== undefined && target[arriving]?.weight === 0;
  if (sameWeights(weights, observed) && !drifted && !preview) return observed;
  if (strands(weights, observed)) {
    throw new DeployError('ND-NOT-READY', {
      what: 'the traffic was left where it is',
      why: `no instance of ${Object.keys(target).join(', ')} is ready to take it`,
      next: 'look at the logs of these releases; deploy a release that gets ready',
    });
  }
  await routeTo(hands, weights, arriving);
  const after = await hands.observe();
  const held = Object.keys(weights).filter((id) => weights[id] === 0 && (after[id]?.weight ?? 0) > 0);
  if (held.length === 0) return after;
  throw new DeployError('ND-INTERNAL', {
    what: 'nothing was stopped, for the router still sends traffic to what should stop',
    problems: held.map((id) => `${id}: ${after[id]?.weight ?? 0} percent`),
    next: 'see what status says, then deploy again',
  });
}

function routeTo({ platform, perform }: Hands, weights: Weights, arriving?: ReleaseId): Promise<void> {
  const key = Object.keys(weights).sort().map((id) => `${id}=${weights[id] ?? 0}`).join(' ');
  return perform({ kind: 'route', key }, () => (arriving === undefined ? platform.route(weights) : platform.route(weights, arriving)));
}

/** Says which releases stay without traffic, and until when: before anything stops, so that a kill in between loses no warm release. False: there was nothing to say. */
async function keep(hands: Hands, { target }: Goal, observed: Observed): Promise<boolean> {
  const wanted = untils(target);
  const now = untils(observed);
  const ids = Object.keys({ ...wanted, ...now });
  if (ids.every((id) => wanted[id] === now[id])) return false;
  const key = Object.keys(wanted).sort().map((id) => `${id} until ${wanted[id] ?? ''}`).join(' ');
  await hands.perform({ kind: 'keep', key: key === '' ? 'none' : key }, () => hands.platform.keep(wanted));
  return true;
}

function untils(fleet: Readonly<Record<ReleaseId, { readonly until?: string }>>): Readonly<Record<ReleaseId, string>> {
  return Object.fromEntries(Object.entries(fleet).flatMap(([id, { until }]) => (until === undefined ? [] : [[id, until]])));
}

async function shrink(hands: Hands, { target, together }: Goal, observed: Observed): Promise<Observed> {
  return together ? scaleDown(hands, target, observed) : observed;
}

/** Stops what is too many and observes what came of it. The platform drains each instance first. */
async function scaleDown(hands: Hands, target: Desired, observed: Observed): Promise<Observed> {
  const plans = Object.keys(observed).flatMap((id) => {
    const processes = shrinkage(target[id]?.processes ?? {}, observed[id]);
    return processes === undefined ? [] : [{ id, processes }];
  });
  for (const { id, processes } of plans) {
    hands.emit({ type: 'waiting', release: id, for: `instances to drain and stop (${processesText(processes)})` });
    await hands.perform({ kind: 'scale', key: `${id} ${processesText(processes)}` }, () => hands.platform.scale(id, processes));
  }
  return plans.length === 0 ? observed : hands.observe();
}

/** Read from the state that was left, not from calls that returned. */
function verify({ target, leaving, lenient }: Goal, observed: Observed): void {
  const stillWanted = [...leaving].filter((id) => target[id] !== undefined);
  const problems = shortfalls(target, observed, new Set([...stillWanted, ...lenient]));
  if (problems.length === 0) return;
  throw new DeployError('ND-NOT-READY', { what: 'the instances that run are not those that are wanted', problems, next: 'look at the logs of these instances, then deploy again' });
}

function notReady(id: ReleaseId, { reason, logs }: Extract<Readiness, { ready: false }>): DeployError {
  return new DeployError('ND-NOT-READY', {
    what: `release ${id} did not get ready`,
    why: printable(reason),
    problems: logs.slice(-20).map(printable),
    next: 'fix what its last lines say and deploy again; the target logs shows more',
  });
}

/** A service may write anything; what is printed is plain ASCII. */
function printable(text: string): string {
  return text.replace(/[^ -~]/g, '?');
}
