import type { Desired } from './fleet.js';
import type { ReleaseId } from './release.js';
import type { Ms } from './time.js';

/** A limit on the router's own numbers, for example `errorRate < 0.05` or `latencyP95 < 1.5 x stable`. */
export interface Rule {
  readonly metric: 'errorRate' | 'latencyP50' | 'latencyP95' | 'latencyP99';
  readonly below: number;
  /** `absolute`: a ratio or ms. `stable`: a multiple of the stable release's figure in the same window. */
  readonly of: 'absolute' | 'stable';
}

/** A request that must succeed against a release that has no traffic yet. */
export interface Check {
  readonly path: string;
  readonly status: number;
}

/** How a release is judged while it soaks. */
export interface Analysis {
  readonly rules: readonly Rule[];
  /** Fewer requests than this say nothing about a release: inconclusive, which never passes. */
  readonly minimum: number;
  /** When it is still inconclusive after the soak and as long again: take the change back, or ask a person. */
  readonly inconclusive: 'stop' | 'ask';
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
