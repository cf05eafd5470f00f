/** The part of deploy.json's schema for limits on what the router counts, as soaks and watches have them. */
import * as z from 'zod';
import type { Rule } from '../model/index.js';
import { METRICS, parseRule, RULE_FORMS } from './rule.js';
import { duration, whole } from './values.js';

export const DEFAULT_MINIMUM = 20;
export const DEFAULT_BASELINE = '10m';

const LATENCIES = ['< 300ms', '< 1.5x stable', ['< 1.5x baseline', '< 2s']];
const DESCRIBED: Readonly<Record<Rule['metric'], { readonly description: string; readonly examples: (string | string[])[] }>> = {
  errorRate: {
    description: 'Requests that failed (5xx, or no answer), of all: a limit or a list of limits. Also compared with the release that is replaced: in the same time (stable), or before the deploy (baseline).',
    examples: ['< 5%', '< 1% over stable', ['< 1.5x baseline', '< 5%']],
  },
  latencyP50: { description: 'Half of the answers came in less: a limit or a list of limits.', examples: LATENCIES },
  latencyP95: { description: '95 of 100 answers came in less: a limit or a list of limits.', examples: LATENCIES },
  latencyP99: { description: '99 of 100 answers came in less: a limit or a list of limits.', examples: LATENCIES },
};

function limit(metric: Rule['metric']) {
  const { pattern, rule } = RULE_FORMS[metric];
  const one = z.string({ error: rule }).regex(new RegExp(pattern), { error: rule, abort: true }).refine((given) => parseRule(metric, given) !== undefined, { error: rule });
  return z.union([one, z.array(one, { error: rule }).min(1, { error: rule })], { error: `${rule}, or a list of such limits` }).meta(DESCRIBED[metric]).optional();
}

export function limits() {
  return { errorRate: limit('errorRate'), latencyP50: limit('latencyP50'), latencyP95: limit('latencyP95'), latencyP99: limit('latencyP99') };
}

export function minimum() {
  return whole(1, 1_000_000, { description: 'Fewer requests than this say nothing about a release.', default: DEFAULT_MINIMUM }).optional();
}

export function baseline() {
  return duration(1_000, { description: 'How much of the time before the deploy limits of baseline look at; those of a strategy and its watch have one, of the longer time.', default: DEFAULT_BASELINE, examples: ['1h'] }).optional();
}

/** Limits as the schema gives them. */
export type LimitsConfig = Readonly<Partial<Record<Rule['metric'], string | readonly string[] | undefined>>>;

export function rulesOf(given: LimitsConfig): readonly Rule[] {
  return METRICS.flatMap((metric) => [given[metric] ?? []].flat().flatMap((text) => parseRule(metric, text) ?? []));
}
