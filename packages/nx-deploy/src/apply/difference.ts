/** What a platform still has to do to reach a fleet: pure arithmetic on what is wanted and what is observed. */
import {
  least, satisfies, shares, WEB,
  type Desired, type Observed, type ObservedRelease, type Processes, type Release, type ReleaseId, type Scale,
} from '../model/index.js';

export type Weights = Readonly<Record<ReleaseId, number>>;

const NONE: Scale = { fixed: 0 };

/** The scale that starts what is missing and stops nothing; undefined when nothing is missing. */
export function growth(target: Processes, have: ObservedRelease | undefined): Processes | undefined {
  const names = processNames(target, have);
  if (!names.some((name) => runningOf(have, name) < least(target[name]))) return undefined;
  return Object.fromEntries(names.map((name) => [name, surplus(target, have, name) ? { fixed: runningOf(have, name) } : target[name] ?? NONE]));
}

/** The scale that stops what is too many; undefined when nothing is. */
export function shrinkage(target: Processes, have: ObservedRelease | undefined): Processes | undefined {
  const names = processNames(target, have);
  if (!names.some((name) => surplus(target, have, name))) return undefined;
  return Object.fromEntries(names.map((name) => [name, target[name] ?? NONE]));
}

export function isUnready(have: ObservedRelease | undefined): boolean {
  return Object.values(have?.processes ?? {}).some((counts) => counts.ready < counts.running);
}

export function readyWeb(have: ObservedRelease | undefined): number {
  return have?.processes[WEB]?.ready ?? 0;
}

/** Names of the processes that run in one release at a time. */
export function exclusiveOf(release: Pick<Release, 'spec'> | undefined): readonly string[] {
  return Object.entries(release?.spec.processes ?? {}).flatMap(([name, { exclusive }]) => (exclusive === true ? [name] : []));
}

/** As it runs, but for some processes. */
export function without(have: ObservedRelease, names: readonly string[]): Processes {
  return Object.fromEntries(processNames({}, have).map((name) => [name, { fixed: names.includes(name) ? 0 : runningOf(have, name) }]));
}

/** The share of every release that is wanted or observed. */
export function weightsFor(target: Desired, observed: Observed): Weights {
  const present = Object.keys(observed).filter((id) => (observed[id]?.weight ?? 0) > 0 || processNames({}, observed[id]).some((name) => runningOf(observed[id], name) > 0));
  return Object.fromEntries([...new Set([...Object.keys(target), ...present])].map((id) => [id, target[id]?.weight ?? 0]));
}

/** The weights without those releases: what is left while they are replaced. */
export function weightsWithout(leaving: readonly ReleaseId[], observed: Observed): Weights {
  return Object.fromEntries(Object.entries(observed).map(([id, { weight }]) => [id, leaving.includes(id) ? 0 : weight]));
}

/**
 * The weights, moved from releases that have no ready instance to those that have one.
 * Unchanged when all have one, or none has.
 */
export function servable(weights: Weights, observed: Observed): Weights {
  const carrying = Object.keys(weights).filter((id) => (weights[id] ?? 0) > 0);
  const able = carrying.filter((id) => readyWeb(observed[id]) > 0);
  if (able.length === 0 || able.length === carrying.length) return weights;
  const moved = shares(Object.fromEntries(able.map((id) => [id, weights[id] ?? 0])));
  return Object.fromEntries(Object.keys(weights).map((id) => [id, moved[id] ?? 0]));
}

/** Would these weights take the traffic from ready instances and give it to none? */
export function strands(weights: Weights, observed: Observed): boolean {
  const carrying = Object.keys(weights).filter((id) => (weights[id] ?? 0) > 0);
  const served = Object.keys(observed).some((id) => (observed[id]?.weight ?? 0) > 0 && readyWeb(observed[id]) > 0);
  return carrying.length > 0 && served && !carrying.some((id) => readyWeb(observed[id]) > 0);
}

export function sameWeights(weights: Weights, observed: Observed): boolean {
  return Object.entries(weights).every(([id, weight]) => weight === (observed[id]?.weight ?? 0));
}

/** Lines that say where the observed numbers are not the wanted ones, leaving out the releases in `except`. */
export function shortfalls(target: Desired, observed: Observed, except: ReadonlySet<ReleaseId>): readonly string[] {
  const ids = [...new Set([...Object.keys(target), ...Object.keys(observed)])].filter((id) => !except.has(id));
  return ids.flatMap((id) => {
    const wanted = target[id]?.processes ?? {};
    return processNames(wanted, observed[id])
      .filter((name) => !satisfies(wanted[name] ?? NONE, runningOf(observed[id], name)))
      .map((name) => `${id} ${name}: ${runningOf(observed[id], name)} running, ${scaleText(wanted[name] ?? NONE)} wanted`);
  });
}

/** `web=3 worker=1`, for journal keys. */
export function processesText(processes: Processes): string {
  return Object.keys(processes).sort().map((name) => `${name}=${scaleText(processes[name] ?? NONE)}`).join(' ');
}

export function scaleText(scale: Scale): string {
  return 'fixed' in scale ? String(scale.fixed) : `${scale.min}-${scale.max}`;
}

function processNames(wanted: Processes, have: ObservedRelease | undefined): readonly string[] {
  return [...new Set([...Object.keys(wanted), ...Object.keys(have?.processes ?? {})])];
}

export function runningOf(have: ObservedRelease | undefined, name: string): number {
  return have?.processes[name]?.running ?? 0;
}

function surplus(target: Processes, have: ObservedRelease | undefined, name: string): boolean {
  const running = runningOf(have, name);
  const scale = target[name] ?? NONE;
  return running > least(scale) && !satisfies(scale, running);
}
