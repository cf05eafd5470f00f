import type { Desired } from './fleet.js';
import type { ReleaseId } from './release.js';
import type { Probe } from './probe.js';
import type { RuleSet } from './rule.js';
import type { Ms } from './time.js';

/** A request that must succeed against a release that has no traffic yet. */
export interface Check {
  readonly path: string;
  readonly status: number;
}

/** How a release is judged while it soaks. */
export interface Analysis extends RuleSet {
  /** When it is still inconclusive after the soak and as long again: take the change back, or ask a person. */
  readonly inconclusive: 'stop' | 'ask';
  /** ms before the change that the baseline is of. */
  readonly baseline?: Ms;
  /** Asked all the time. */
  readonly probes?: readonly Probe[];
}

export type Gate =
  | { readonly soak: Ms; readonly analyse?: Analysis }
  | { readonly smoke: readonly Check[] }
  /** Waits for a person. Unanswered for `expires` ms it counts as refused. */
  | { readonly approve: string; readonly expires: Ms };

export type StrategyName = 'recreate' | 'rolling' | 'blue-green' | 'canary';

/** A plan is data: printed, journalled, compared in tests. From a `commit` on, recovery goes forward. */
export type Step =
  | { readonly reach: Desired; readonly then?: readonly Gate[]; readonly commit?: true }
  | { readonly native: StrategyName; readonly release: ReleaseId; readonly desired: Desired };

/** overlap: two releases side by side. split: traffic by percent rather than by instance count. many: more than two releases. */
export type Ability = 'overlap' | 'split' | 'many';

export const ABILITIES: Readonly<Record<Ability, string>> = {
  overlap: 'run two releases side by side',
  split: 'split the traffic by percent',
  many: 'run more than two releases at once',
};
