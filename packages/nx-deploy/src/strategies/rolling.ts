import { least, shares, WEB, type Desired, type DesiredRelease, type Processes, type ReleaseId, type Step } from '../model/index.js';
import { sameReleases, type Strategy } from './strategy.js';

export interface RollingOptions {
  /** Percent of the wanted `web` instances that are replaced at a time, 1 to 100; rounded down, at least one instance. */
  readonly batch: number;
  /** Processes other than `web` that the new release starts with its first batch. */
  readonly early?: readonly string[];
}

/**
 * Replaces instances batch by batch. In every fleet on the way
 * - traffic is shared by the number of `web` instances, in percents that sum to 100;
 * - instances that serve are never fewer than the smaller of before and after;
 * - the processes that leave shrink in proportion to what has arrived, the release with the least traffic first.
 *
 * Processes other than `web` (workers) change hands with the last batch: until then those of `from` run unchanged, and those of the new
 * release do not run unless they are `early`. So they never run in neither.
 *
 * Releases of `from` without traffic that are not wanted (kept warm, or left by an interruption) go first, in a step of their own,
 * so that at most two releases run side by side.
 */
export const rolling: Strategy<RollingOptions> = {
  name: 'rolling',
  needs: ['overlap'],
  walk(from: Desired, to: Desired, options: RollingOptions): readonly Step[] {
    const leaving = Object.keys(from).filter((id) => to[id] === undefined && webOf(from[id]) > 0 && weightOf(from[id]) > 0);
    const replaced = sum(leaving.map((id) => webOf(from[id])));
    const missing = sum(arrivals(to).map((id) => Math.max(0, webOf(to[id]) - webOf(from[id]))));
    if (replaced === 0 || missing === 0 || sameReleases(from, to)) return [{ reach: to }];

    const start = withoutIdle(from, to);
    const batch = batchSize(to, options.batch);
    const mixes = Array.from({ length: Math.ceil(missing / batch) - 1 }, (_, index) => {
      const arrived = (index + 1) * batch;
      const remaining = Math.ceil((replaced * (missing - arrived)) / missing);
      return mix(start, to, { leaving: shrink(start, leaving, remaining), arriving: grow(start, to, arrived), early: options.early ?? [] });
    });
    const idleGone = Object.keys(from).some((id) => start[id] !== from[id]);
    return [...(idleGone ? [start] : []), ...mixes, to].map((reach) => ({ reach }));
  },
};

function batchSize(to: Desired, percent: number): number {
  const wanted = sum(arrivals(to).map((id) => webOf(to[id])));
  return Math.max(1, Math.floor((wanted * percent) / 100));
}

/** `from` without what serves nothing and is not wanted; a worker that only such a release runs is kept until its successor starts. */
function withoutIdle(from: Desired, to: Desired): Desired {
  const idle = (id: ReleaseId) => to[id] === undefined && weightOf(from[id]) === 0;
  const kept = Object.entries(from).filter(([id]) => !idle(id));
  const orphans = Object.entries(from).filter(([id]) => idle(id)).flatMap(([id, release]): [ReleaseId, DesiredRelease][] => {
    const alone = Object.entries(release.processes).filter(([name, scale]) =>
      name !== WEB && least(scale) > 0 && !kept.some(([, other]) => least(other.processes[name]) > 0));
    return alone.length === 0 ? [] : [[id, { processes: Object.fromEntries(alone), weight: 0 }]];
  });
  return Object.fromEntries([...kept, ...orphans]);
}

/** How many `web` instances of each leaving release stay when `remaining` stay in all: those with the least traffic go first. */
function shrink(from: Desired, leaving: readonly ReleaseId[], remaining: number): Record<ReleaseId, number> {
  const byTraffic = [...leaving].sort((a, b) => weightOf(from[b]) - weightOf(from[a]) || (a < b ? -1 : 1));
  let left = remaining;
  return Object.fromEntries(byTraffic.map((id) => {
    const stays = Math.min(left, webOf(from[id]));
    left -= stays;
    return [id, stays];
  }));
}

/** What takes over the traffic. A release that is wanted without traffic serves nothing, so it neither paces the walk nor starts before its end. */
function arrivals(to: Desired): readonly ReleaseId[] {
  return Object.keys(to).filter((id) => weightOf(to[id]) > 0);
}

/** How many `web` instances of each wanted release run when `arrived` have been started in all. */
function grow(from: Desired, to: Desired, arrived: number): Record<ReleaseId, number> {
  let left = arrived;
  const idle = Object.keys(to).filter((id) => weightOf(to[id]) === 0).map((id) => [id, webOf(from[id])] as const);
  return Object.fromEntries([...idle, ...arrivals(to).map((id) => {
    const started = Math.min(left, Math.max(0, webOf(to[id]) - webOf(from[id])));
    left -= started;
    return [id, webOf(from[id]) + started] as const;
  })]);
}

interface Mix {
  readonly leaving: Readonly<Record<ReleaseId, number>>;
  readonly arriving: Readonly<Record<ReleaseId, number>>;
  readonly early: readonly string[];
}

/** One fleet on the way. */
function mix(from: Desired, to: Desired, { leaving, arriving, early }: Mix): Desired {
  const web = { ...leaving, ...arriving };
  const serves = (id: ReleaseId) => weightOf(from[id]) > 0 || weightOf(to[id]) > 0;
  const weights = shares(Object.fromEntries(Object.keys(web).map((id) => [id, serves(id) ? web[id] ?? 0 : 0])));
  const ids = [...new Set([...Object.keys(from), ...Object.keys(to)])];
  const releases = ids.map((id) => {
    const processes = { ...others(from[id]), ...chosen(to[id], early), [WEB]: { fixed: web[id] ?? 0 } };
    return [id, { processes, weight: weights[id] ?? 0 }] as const;
  });
  return Object.fromEntries(releases.filter(([, { processes }]) => Object.values(processes).some((scale) => least(scale) > 0)));
}

function others(release: DesiredRelease | undefined): Processes {
  return Object.fromEntries(Object.entries(release?.processes ?? {}).filter(([name]) => name !== WEB));
}

function chosen(release: DesiredRelease | undefined, names: readonly string[]): Processes {
  return Object.fromEntries(Object.entries(release?.processes ?? {}).filter(([name]) => names.includes(name)));
}

function webOf(release: DesiredRelease | undefined): number {
  return least(release?.processes[WEB]);
}

function weightOf(release: DesiredRelease | undefined): number {
  return release?.weight ?? 0;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
