import type { BlueGreenOptions, CanaryOptions, StrategyOptions } from '../config/resolved.js';
import { DeployError } from '../errors.js';
import { ABILITIES, asDesired, reached, type Ability, type Desired, type Ms, type Observed, type Step, type StrategyName } from '../model/index.js';
import type { Platform } from '../platforms/platform.js';
import { isWarm, releasesIn, sameReleases, STRATEGIES, type Strategy } from '../strategies/index.js';
import { adjustment, names, replacement } from './reason.js';

export interface PlanRequest {
  readonly platform: Pick<Platform, 'name' | 'can'>;
  readonly strategy: StrategyOptions;
  /** What runs, as the platform says. */
  readonly from: Observed;
  readonly to: Desired;
  /** Settings that differ from what is in force (Platform.drift). */
  readonly drift: readonly string[];
  /** Processes other than `web` that start with the first instances (ProcessSpec.early). */
  readonly early?: readonly string[];
  /** A rollback: blue-green and canary switch without checks, soak, analysis, approval or steps. */
  readonly urgent?: boolean;
  /** From which the time is counted until which a release is kept warm; default: the clock. */
  readonly now?: () => Date;
}

/** What will be done, as data. */
export type Plan =
  | { readonly kind: 'unchanged' }
  | Walk;

export interface Walk {
  readonly kind: 'walk';
  readonly strategy: StrategyName;
  /** One sentence without a full stop. */
  readonly reason: string;
  /** The fleet that a failure goes back to: what runs, without releases that are kept warm and make room. */
  readonly from: Desired;
  /** The last fleet: what is wanted, and what is kept warm beside it. */
  readonly to: Desired;
  readonly steps: readonly Step[];
  /** What runs, where that is more than `from`. */
  readonly running?: Desired;
}

/**
 * Chooses the walk. A first deploy, and a change of numbers or settings of what runs, is one step whatever the strategy; a release that is kept warm is no
 * difference, and stays through a change of numbers.
 * @throws DeployError ND-OPTION-INVALID for a strategy that does not exist, ND-ABILITY-MISSING for one that the platform cannot do.
 */
export function makePlan(request: PlanRequest): Plan {
  const { platform, to, drift } = request;
  const strategy = strategyOf(request.strategy);
  refuseInability(platform, strategy);
  const serving = pick(request.from, (id, release) => !isWarm(release) || to[id] !== undefined);
  if (reached(to, serving) && drift.length === 0) return { kind: 'unchanged' };

  const running = asDesired(request.from);
  const from = asDesired(serving);
  const plan = { kind: 'walk', strategy: strategy.name } as const;
  if (sameReleases(running, to) && releasesIn(from).length > 0) {
    const kept = pick(running, (id, release) => isWarm(release) && to[id] === undefined);
    const reach = { ...to, ...kept };
    return { ...plan, from: running, to: reach, reason: adjustment({ ...request, from: serving }), steps: [{ reach }] };
  }
  const shown = releasesIn(running).length === releasesIn(from).length ? {} : { running };
  if (releasesIn(from).every((id) => isWarm(from[id]))) {
    const reason = releasesIn(running).length === 0 ? 'first deploy' : `nothing but what is kept warm runs, release ${names(releasesIn(to))} gets the traffic`;
    return { ...plan, from, to, reason, steps: [{ reach: to }], ...shown };
  }
  const steps = walk(request, running);
  refuseCrowd(platform, running, steps);
  const last = steps.at(-1);
  return { ...plan, from, to: last === undefined ? to : fleetOf(last), reason: replacement(from, to, request.urgent === true && 'keepWarm' in request.strategy), steps, ...shown };
}

function pick<T>(fleet: Readonly<Record<string, T>>, wanted: (id: string, release: T) => boolean): Readonly<Record<string, T>> {
  return Object.fromEntries(Object.entries(fleet).filter(([id, release]) => wanted(id, release)));
}

function walk({ strategy, to, early, urgent, now }: PlanRequest, from: Desired): readonly Step[] {
  const given = early === undefined ? {} : { early };
  switch (strategy.type) {
    case 'recreate':
      return STRATEGIES.recreate.walk(from, to, strategy);
    case 'rolling':
      return STRATEGIES.rolling.walk(from, to, { ...strategy, ...given });
    case 'blue-green':
    case 'canary': {
      const kept = { ...given, ...warmth(strategy, urgent === true, now ?? (() => new Date())) };
      if (urgent === true) return STRATEGIES['blue-green'].walk(from, to, { smoke: [], soak: 0, ...kept });
      return strategy.type === 'canary' ? STRATEGIES.canary.walk(from, to, { ...strategy, ...kept }) : STRATEGIES['blue-green'].walk(from, to, { ...strategy, ...kept });
    }
  }
}

/** The release that is replaced is kept for as long as was asked for, counted from when the walk will have come to its end. */
function warmth(strategy: BlueGreenOptions | CanaryOptions, urgent: boolean, now: () => Date): { readonly until?: string } {
  if (strategy.keepWarm === 0) return {};
  return { until: new Date(now().getTime() + (urgent ? 0 : soaksOf(strategy)) + strategy.keepWarm).toISOString() };
}

/** How long the walk of a strategy soaks in all. */
function soaksOf(strategy: BlueGreenOptions | CanaryOptions): Ms {
  return strategy.soak + (strategy.type === 'canary' ? strategy.steps.reduce((sum, { soak }) => sum + soak, 0) : 0);
}

function fleetOf(step: Step): Desired {
  return 'reach' in step ? step.reach : step.desired;
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
  const fleets = [from, ...steps.map(fleetOf)];
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
