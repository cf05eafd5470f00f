/** What blue-green and canary share: the new release runs beside the old one, which keeps all its instances until the new one has all of the traffic. */
import { least, sameProcesses, shares, WEB, type Analysis, type Check, type Desired, type DesiredRelease, type Gate, type Ms, type Processes, type ReleaseId, type Step } from '../model/index.js';
import { sameReleases } from './strategy.js';

export interface Approval {
  readonly text: string;
  readonly expires: Ms;
}

export interface SideBySideOptions {
  /** Asked of the new release before it gets any traffic; none: no gate. */
  readonly smoke: readonly Check[];
  /** How long the new release is watched with all of the traffic; 0: not at all. */
  readonly soak: Ms;
  readonly analyse?: Analysis;
  /** ISO time until which the release that was replaced is kept without traffic; undefined: it ends with the walk. */
  readonly until?: string;
  /** Processes other than `web` that the new release starts with its first instances. */
  readonly early?: readonly string[];
}

/** Where such a walk begins. */
export interface Ground {
  readonly goal: ReleaseId;
  readonly wanted: DesiredRelease;
  /** What runs, without the releases that serve nothing. */
  readonly start: Desired;
  /** Is `start` less than what runs? Then reaching it is a step of its own. */
  readonly makesRoom: boolean;
  /** The releases that serve and are to be replaced, with their shares of the traffic; the first has the most. */
  readonly serving: readonly (readonly [ReleaseId, number])[];
  /** The goal's share as it is. */
  readonly weight: number;
}

/**
 * Undefined where there is nothing to walk through: one release is not wanted alone, nothing else serves, or only numbers change. A mix of old releases is
 * kept as it is until the switch: capacity is not lost, and no old release, which may be what is broken, has to be started.
 */
export function groundOf(from: Desired, to: Desired): Ground | undefined {
  const [goal, ...others] = Object.keys(to).filter((id) => weightOf(to[id]) > 0);
  const wanted = goal === undefined ? undefined : to[goal];
  if (goal === undefined || wanted === undefined || others.length > 0 || webOf(wanted) === 0 || sameReleases(from, to)) return undefined;
  const serves = (id: ReleaseId) => weightOf(from[id]) > 0 && webOf(from[id]) > 0;
  const serving = Object.keys(from).filter((id) => id !== goal && serves(id)).map((id) => [id, weightOf(from[id])] as const)
    .sort(([a, left], [b, right]) => right - left || (a < b ? -1 : 1));
  if (serving.length === 0) return undefined;
  const weight = serves(goal) ? weightOf(from[goal]) : 0;
  const idle = Object.keys(from).filter((id) => to[id] === undefined && !serves(id));
  const left = withoutIdle(from, idle);
  return { goal, wanted, start: weighted(left, serving, goal, weight), serving, weight, makesRoom: idle.some((id) => endsIn(from[id], left[id])) };
}

function endsIn(before: DesiredRelease | undefined, after: DesiredRelease | undefined): boolean {
  return weightOf(before) > 0 || Object.entries(before?.processes ?? {}).some(([name, scale]) => least(scale) > 0 && after?.processes[name] === undefined);
}

/** A worker that only an idle release runs is kept until its successor starts at the switch. */
function withoutIdle(from: Desired, idle: readonly ReleaseId[]): Desired {
  const kept = Object.entries(from).filter(([id]) => !idle.includes(id));
  const taken = new Set(kept.flatMap(([, release]) => Object.keys(release.processes).filter((name) => least(release.processes[name]) > 0)));
  const orphans = idle.flatMap((id): [ReleaseId, DesiredRelease][] => {
    const alone = Object.entries(from[id]?.processes ?? {}).filter(([name, scale]) => name !== WEB && least(scale) > 0 && !taken.has(name));
    for (const [name] of alone) taken.add(name);
    return alone.length === 0 ? [] : [[id, { processes: Object.fromEntries(alone), weight: 0 }]];
  });
  return Object.fromEntries([...kept, ...orphans]);
}

/** The goal gets `weight`; the others share the rest as they did before. */
function weighted(fleet: Desired, serving: Ground['serving'], goal: ReleaseId, weight: number): Desired {
  const total = serving.reduce((sum, [, share]) => sum + share, 0);
  const weights = shares({ ...Object.fromEntries(serving.map(([id, share]) => [id, (share * (100 - weight)) / total])), [goal]: weight });
  return Object.fromEntries(Object.entries(fleet).map(([id, { processes }]) => [id, { processes, weight: weights[id] ?? 0 }]));
}

/** How many `web` instances carry a share of the traffic: rounded up, at least one. */
export function instancesFor(wanted: DesiredRelease, percent: number): number {
  return Math.max(1, Math.ceil((webOf(wanted) * percent) / 100));
}

/** A fleet before the switch: the goal with `web` instances (never fewer than it has) and `weight` percent, the others as they are. */
export function beside({ goal, wanted, start, serving }: Ground, web: number, weight: number, early: readonly string[] = []): Desired {
  const chosen = Object.entries(wanted.processes).filter(([name]) => early.includes(name));
  const processes: Processes = { ...start[goal]?.processes, ...Object.fromEntries(chosen), [WEB]: { fixed: Math.max(web, webOf(start[goal])) } };
  return weighted({ ...start, [goal]: { processes, weight } }, serving, goal, weight);
}

/** The walk, after a step that makes room where something has to end; none where the first fleet of the walk is no other. */
export function afterRoom({ start, makesRoom }: Ground, walk: readonly Step[]): readonly Step[] {
  const [first] = walk;
  return !makesRoom || (first !== undefined && 'reach' in first && sameFleet(first.reach, start)) ? walk : [{ reach: start }, ...walk];
}

function sameFleet(a: Desired, b: Desired): boolean {
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].every((id) => {
    const [left, right] = [a[id], b[id]];
    return left !== undefined && right !== undefined && left.weight === right.weight && left.until === right.until && sameProcesses(left.processes, right.processes);
  });
}

/** Are all of the goal's `web` instances there already? */
export function isWhole({ goal, wanted, start }: Ground): boolean {
  return webOf(start[goal]) >= webOf(wanted);
}

/**
 * All of the traffic goes to the goal, and its processes take over; what it replaces keeps its `web` instances while the goal soaks, so that going back is one
 * change of the traffic. Then only the release that had the most traffic stays, until its time. With nothing to wait for and nothing to stop, both are one fleet.
 */
export function takeOver(ground: Ground, to: Desired, options: SideBySideOptions, atOnce: boolean): readonly Step[] {
  const { serving, start } = ground;
  const idle = (id: ReleaseId, until?: string): readonly [ReleaseId, DesiredRelease] =>
    [id, { processes: { [WEB]: start[id]?.processes[WEB] ?? { fixed: 0 } }, weight: 0, ...(until === undefined ? {} : { until }) }];
  const kept = serving.map(([id]) => id).filter((id) => to[id] === undefined);
  const warm = options.until === undefined ? [] : kept.slice(0, 1).map((id) => idle(id, options.until));
  const last: Desired = warm.length === 0 ? to : { ...Object.fromEntries(warm), ...to };
  if (atOnce && options.soak === 0 && warm.length > 0 && kept.length === 1) return [{ reach: last, commit: true }];
  const switched: Desired = { ...Object.fromEntries(kept.map((id) => idle(id))), ...to };
  return [{ reach: switched, ...gates(soakOf(options.soak, options.analyse)), commit: true }, { reach: last }];
}

export function soakOf(soak: Ms, analyse: Analysis | undefined): readonly Gate[] {
  return soak === 0 ? [] : [{ soak, ...(analyse === undefined ? {} : { analyse }) }];
}

export function smokeOf(smoke: readonly Check[]): readonly Gate[] {
  return smoke.length === 0 ? [] : [{ smoke }];
}

export function approvalOf(approve: Approval | undefined): readonly Gate[] {
  return approve === undefined ? [] : [{ approve: approve.text, expires: approve.expires }];
}

/** The part of a step that holds its gates. */
export function gates(...lists: readonly (readonly Gate[])[]): { readonly then?: readonly Gate[] } {
  const then = lists.flat();
  return then.length === 0 ? {} : { then };
}

export function webOf(release: DesiredRelease | undefined): number {
  return least(release?.processes[WEB]);
}

function weightOf(release: DesiredRelease | undefined): number {
  return release?.weight ?? 0;
}
