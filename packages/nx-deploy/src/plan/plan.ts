import type { StrategyOptions } from '../config/resolved.js';
import { DeployError } from '../errors.js';
import { ABILITIES, asDesired, reached, type Ability, type Desired, type Observed, type Step, type StrategyName } from '../model/index.js';
import type { Platform } from '../platforms/platform.js';
import { releasesIn, sameReleases, STRATEGIES, type Strategy } from '../strategies/index.js';

export interface PlanRequest {
  readonly platform: Pick<Platform, 'name' | 'can'>;
  readonly strategy: StrategyOptions;
  /** What runs, as the platform says. */
  readonly from: Observed;
  readonly to: Desired;
  /** Settings that differ from what is in force (Platform.drift). */
  readonly drift: readonly string[];
  /** Processes other than `web` that start with the first batch (ProcessSpec.early). */
  readonly early?: readonly string[];
}

/** What will be done, as data. `from` is the fleet that a failure goes back to. */
export type Plan =
  | { readonly kind: 'unchanged' }
  | Walk;

export interface Walk {
  readonly kind: 'walk';
  readonly strategy: StrategyName;
  /** One sentence without a full stop. */
  readonly reason: string;
  readonly from: Desired;
  readonly to: Desired;
  readonly steps: readonly Step[];
}

/**
 * Chooses the walk. A first deploy, and a change of numbers or settings of what runs, is one step whatever the strategy.
 * @throws DeployError ND-OPTION-INVALID for a strategy that does not exist, ND-ABILITY-MISSING for one that the platform cannot do.
 */
export function makePlan(request: PlanRequest): Plan {
  const { platform, to, drift } = request;
  const strategy = strategyOf(request.strategy);
  refuseInability(platform, strategy);
  if (reached(to, request.from) && drift.length === 0) return { kind: 'unchanged' };

  const from = asDesired(request.from);
  const plan = { kind: 'walk', strategy: strategy.name, from, to } as const;
  if (releasesIn(from).length === 0) return { ...plan, reason: 'first deploy', steps: [{ reach: to }] };
  if (sameReleases(from, to)) return { ...plan, reason: adjustment(request), steps: [{ reach: to }] };
  const steps = walk(request, from);
  refuseCrowd(platform, from, steps);
  return { ...plan, reason: replacement(from, to), steps };
}

function walk({ strategy, to, early }: PlanRequest, from: Desired): readonly Step[] {
  switch (strategy.type) {
    case 'recreate':
      return STRATEGIES.recreate.walk(from, to, strategy);
    case 'rolling':
      return STRATEGIES.rolling.walk(from, to, { ...strategy, ...(early === undefined ? {} : { early }) });
  }
}

function strategyOf(options: StrategyOptions): Strategy<never> {
  const known: Partial<Record<StrategyName, Strategy<never>>> = STRATEGIES;
  const strategy = Object.hasOwn(known, options.type) ? known[options.type] : undefined;
  if (strategy !== undefined) return strategy;
  throw new DeployError('ND-OPTION-INVALID', {
    what: `there is no strategy ${JSON.stringify(options.type)}`,
    why: `this version has ${names(Object.keys(STRATEGIES))}`,
    next: 'set "strategy" in deploy.json, or the option --strategy, to one of them',
  });
}

/** Refuses before anything changes, rather than doing quietly something else. */
function refuseInability(platform: PlanRequest['platform'], strategy: Strategy<never>): void {
  const missing = strategy.needs.filter((ability) => !platform.can.includes(ability));
  if (missing.length === 0) return;
  const able = Object.values<Strategy<never>>(STRATEGIES).filter(({ needs }) => needs.every((ability) => platform.can.includes(ability)));
  throw inability(strategy.name, platform.name, missing, `use a strategy that it can do: ${names(able.map(({ name }) => name))}`);
}

/** A mix of two releases that is replaced by a third needs three at once. */
function refuseCrowd(platform: PlanRequest['platform'], from: Desired, steps: readonly Step[]): void {
  if (platform.can.includes('many')) return;
  const fleets = [from, ...steps.map((step) => ('reach' in step ? step.reach : step.desired))];
  const crowd = fleets.slice(1).map((fleet, index) => {
    const before = releasesIn(fleets[index] ?? {});
    const together = new Set([...before, ...releasesIn(fleet)]);
    return { together: [...together], grows: together.size > before.length };
  }).find(({ together, grows }) => grows && together.length > 2);
  if (crowd === undefined) return;
  throw inability('this walk', platform.name, ['many'], `first deploy or roll back to one of ${names(releasesIn(from))}, or use the strategy recreate`);
}

function inability(subject: string, platform: string, missing: readonly Ability[], next: string): DeployError {
  return new DeployError('ND-ABILITY-MISSING', {
    what: `the platform ${platform} cannot do ${subject}`,
    why: `it cannot ${missing.map((ability) => `${ABILITIES[ability]} (${ability})`).join(', nor ')}`,
    next,
  });
}

/** Why the same release is touched again. */
function adjustment({ from, to, drift }: PlanRequest): string {
  const counts = Object.values(from).flatMap((release) => Object.values(release.processes));
  const running = counts.reduce((total, count) => total + count.running, 0);
  const ready = counts.reduce((total, count) => total + count.ready, 0);
  const healthy = Object.fromEntries(Object.entries(from).map(([id, release]) => [id, {
    ...release,
    processes: Object.fromEntries(Object.entries(release.processes).map(([name, count]) => [name, { ...count, ready: count.running }])),
  }]));
  const reasons = [
    ...(reached(to, healthy) ? [] : ['the numbers differ']),
    ...(ready === running ? [] : [`${running - ready} of ${running} instances ${running - ready === 1 ? 'is' : 'are'} not ready`]),
    ...(drift.length === 0 ? [] : [`settings differ: ${drift.join(', ')}`]),
  ];
  return `same release, ${reasons.join('; ')}`;
}

/** Only called where the releases of both differ. */
function replacement(from: Desired, to: Desired): string {
  const [before, after] = [releasesIn(from), releasesIn(to)];
  const leaving = before.filter((id) => !after.includes(id));
  const arriving = after.filter((id) => !before.includes(id));
  if (after.length === 0) return `nothing is wanted, ${names(leaving)} stops`;
  if (arriving.length === 0) return `finish a change that was interrupted, ${names(leaving)} leaves`;
  return `new release ${names(arriving)} ${leaving.length === 0 ? 'joins' : 'replaces'} ${names(leaving.length === 0 ? before : leaving)}`;
}

function names(list: readonly string[]): string {
  return list.length < 2 ? list.join('') : `${list.slice(0, -1).join(', ')} and ${list.slice(-1).join('')}`;
}
