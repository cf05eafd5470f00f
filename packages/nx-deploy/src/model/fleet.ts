import type { ReleaseId } from './release.js';

/** A fixed number of instances, or a range that an autoscaler owns. */
export type Scale = { readonly fixed: number } | { readonly min: number; readonly max: number };

export type Processes = Readonly<Record<string, Scale>>;

export interface DesiredRelease {
  readonly processes: Processes;
  /** Percent of the traffic, 0 to 100. */
  readonly weight: number;
  /** ISO time until which the release is kept warm without traffic. */
  readonly until?: string;
}

/** The fleet that is wanted: per release its instances and its share of the traffic. */
export type Desired = Readonly<Record<ReleaseId, DesiredRelease>>;

export interface ObservedProcess {
  readonly running: number;
  readonly ready: number;
  readonly draining: number;
}

export interface ObservedRelease {
  readonly processes: Readonly<Record<string, ObservedProcess>>;
  readonly weight: number;
  readonly until?: string;
  /** How often an instance that runs now, or one that it replaced, ended without being asked to. */
  readonly crashes?: number;
}

/** The fleet that is there, as the platform and its router say, never as remembered. */
export type Observed = Readonly<Record<ReleaseId, ObservedRelease>>;

/** The process that gets traffic. */
export const WEB = 'web';

/** The fewest instances that satisfy a scale. */
export function least(scale: Scale | undefined): number {
  if (scale === undefined) return 0;
  return 'fixed' in scale ? scale.fixed : scale.min;
}

/** Does this number of running instances satisfy the scale? */
export function satisfies(scale: Scale, running: number): boolean {
  return 'fixed' in scale ? running === scale.fixed : running >= scale.min && running <= scale.max;
}

export function sameScale(a: Scale | undefined, b: Scale | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  if ('fixed' in a) return 'fixed' in b && a.fixed === b.fixed;
  return 'min' in b && a.min === b.min && a.max === b.max;
}

export function sameProcesses(a: Processes, b: Processes): boolean {
  const names = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...names].every((name) => sameScale(a[name], b[name]));
}

/** Does the observed fleet run exactly what is desired, every instance ready? */
export function reached(desired: Desired, observed: Observed): boolean {
  const names = new Set([...Object.keys(desired), ...Object.keys(observed)]);
  return [...names].every((id) => {
    const want = desired[id];
    const have = observed[id];
    if (want === undefined) return have === undefined || isEmpty(have);
    if (have === undefined) return want.weight === 0 && Object.values(want.processes).every((scale) => least(scale) === 0);
    return want.weight === have.weight && want.until === have.until && sameCounts(want.processes, have);
  });
}

function sameCounts(processes: Processes, have: ObservedRelease): boolean {
  const names = new Set([...Object.keys(processes), ...Object.keys(have.processes)]);
  return [...names].every((name) => {
    const counts = have.processes[name] ?? { running: 0, ready: 0, draining: 0 };
    return satisfies(processes[name] ?? { fixed: 0 }, counts.running) && counts.ready === counts.running;
  });
}

function isEmpty(observed: ObservedRelease): boolean {
  return observed.weight === 0 && Object.values(observed.processes).every((counts) => counts.running === 0);
}

/** The fleet to go back to: what runs now, as if it were wanted. */
export function asDesired(observed: Observed): Desired {
  const live = Object.entries(observed).filter(([, release]) => !isEmpty(release));
  return Object.fromEntries(live.map(([id, release]) => [id, {
    processes: Object.fromEntries(Object.entries(release.processes).map(([name, counts]) => [name, { fixed: counts.running }])),
    weight: release.weight,
    ...(release.until === undefined ? {} : { until: release.until }),
  }]));
}

/** The release that carries the most traffic, if any does. */
export function liveRelease(observed: Readonly<Record<ReleaseId, { readonly weight: number }>>): ReleaseId | undefined {
  const [first] = Object.entries(observed).filter(([, release]) => release.weight > 0).sort(([, a], [, b]) => b.weight - a.weight);
  return first?.[0];
}
