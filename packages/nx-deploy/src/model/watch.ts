import type { Probe } from './probe.js';
import type { Rule, RuleSet } from './rule.js';
import type { Ms } from './time.js';

/** Limits that take a release back when it breaks one of them in so much of the past. */
export interface Trigger {
  readonly rules: readonly Rule[];
  /** Of the past; at the beginning of the watch what there is of it. */
  readonly window: Ms;
  /** Judged only once the window has passed since the watch began, and so never in a shorter one. */
  readonly lasting?: true;
}

/** How a release is looked after once its deploy is done. */
export interface WatchTerms {
  /** How long instances may be unready; 0: not for one look. A watch that is shorter does not wait either. */
  readonly unhealthy: Ms;
  readonly triggers: readonly Trigger[];
  /** Fewer requests than this say nothing. */
  readonly minimum: number;
  /** Of the time before the deploy, where a trigger compares with it. */
  readonly baseline: Ms;
  /** Asked all the time. */
  readonly probes: readonly Probe[];
  /** What is done when too little is known at the end of the watch. */
  readonly inconclusive: 'keep' | 'rollback';
}

export const FEWEST_REQUESTS = 20;
const MINUTE: Ms = 60_000;

const TOO_MANY_ERRORS: Rule = { metric: 'errorRate', below: 0.05, of: 'absolute' };
/** For services that nobody has set limits for: half slower than before, or two seconds. */
const TOO_SLOW: readonly Rule[] = [{ metric: 'latencyP95', below: 1.5, of: 'baseline' }, { metric: 'latencyP95', below: 2_000, of: 'absolute' }];

/** The limits of the strategy itself where it has some, but those against another release: there may be none left to compare with. */
export function absoluteRules(own: RuleSet | undefined): readonly Rule[] {
  const rules = (own?.rules ?? []).filter(({ of }) => of === 'absolute');
  return rules.length === 0 ? [TOO_MANY_ERRORS] : rules;
}

/** What is looked for unless deploy.json says otherwise. */
export function defaultTerms(own: RuleSet | undefined): WatchTerms {
  return {
    unhealthy: 5 * MINUTE, minimum: own?.minimum ?? FEWEST_REQUESTS, baseline: 10 * MINUTE, probes: [], inconclusive: 'keep',
    triggers: [{ rules: absoluteRules(own), window: 3 * MINUTE }, { rules: TOO_SLOW, window: 10 * MINUTE, lasting: true }],
  };
}
