/** Judges what the router counted for a release by the rules of its strategy: pure arithmetic on two samples of the same window. */
import { formatDuration, type Analysis, type Metrics, type Rule } from '../model/index.js';

/** inconclusive: too few requests, or too close to the limit to tell. It never passes. */
export type Verdict = 'pass' | 'fail' | 'inconclusive';

export interface Judgement {
  readonly verdict: Verdict;
  /** Why it is no pass, with the figures; one line for each rule. */
  readonly lines: readonly string[];
}

/**
 * early: one of many looks while the soak goes on, which only decides when there is no doubt. last: the one that decides.
 * Many looks at the same data find a difference where there is none, so the early ones ask for more.
 */
export type Look = 'early' | 'last';

/** Quantiles of the normal distribution: 2.5% at the last look, 0.02% at each early one. */
const Z: Readonly<Record<Look, number>> = { early: 3.5, last: 1.96 };
/** An early look needs this many times the sample. */
const EARLY_SAMPLE = 5;

/** `reference` is the stable release in the same window; undefined where it had no traffic to compare with: rules against it do not apply then. */
export function judge({ rules, minimum }: Analysis, metrics: Metrics, reference: Metrics | undefined, look: Look): Judgement {
  const results = rules.filter(({ of }) => of === 'absolute' || reference !== undefined).map((rule) => {
    const needed = sample(rule, minimum, look);
    if (metrics.requests < needed) return inconclusive(`${rule.metric}: ${metrics.requests} requests, ${needed} needed`);
    if (rule.of === 'stable' && reference !== undefined && reference.requests < needed) {
      return inconclusive(`${rule.metric}: ${reference.requests} requests of the stable release to compare with, ${needed} needed`);
    }
    return rule.metric === 'errorRate' ? errorRate(rule, metrics, reference, Z[look]) : latency(rule, metrics, reference);
  });
  const verdicts = results.map(({ verdict }) => verdict);
  const verdict = verdicts.includes('fail') ? 'fail' : verdicts.includes('inconclusive') ? 'inconclusive' : 'pass';
  return { verdict, lines: results.filter((result) => result.verdict === verdict && verdict !== 'pass').map(({ line }) => line) };
}

interface Result {
  readonly verdict: Verdict;
  readonly line: string;
}

function inconclusive(line: string): Result {
  return { verdict: 'inconclusive', line };
}

const TAIL: Readonly<Record<Rule['metric'], number>> = { errorRate: 1, latencyP50: 0.5, latencyP95: 0.05, latencyP99: 0.01 };

/** A percentile needs requests beyond it. */
function sample({ metric }: Rule, minimum: number, look: Look): number {
  const least = Math.max(minimum, Math.round(1 / TAIL[metric]));
  return look === 'early' && metric !== 'errorRate' ? least * EARLY_SAMPLE : least;
}

function errorRate(rule: Rule, { errors, requests }: Metrics, reference: Metrics | undefined, z: number): Result {
  const rate = errors / requests;
  const [lower] = wilson(errors, requests, z);
  const stable = rule.of === 'stable' && reference !== undefined ? reference : undefined;
  // What the stable release has can be no more than an estimate either.
  const limit = stable === undefined ? rule.below : rule.below * wilson(stable.errors, stable.requests, z)[1];
  const figures = `errorRate ${percent(rate)} (${errors} of ${requests} requests)`;
  const than = stable === undefined
    ? percent(rule.below)
    : `${rule.below}x stable (${percent(stable.errors / stable.requests)}, ${stable.errors} of ${stable.requests} requests)`;
  if (errors > 0 && lower >= limit) return { verdict: 'fail', line: `${figures} is not below ${than}` };
  if (stable !== undefined || errors === 0 || rate < limit) return { verdict: 'pass', line: figures };
  return inconclusive(`${figures} is too close to ${than}`);
}

function latency(rule: Rule, metrics: Metrics, reference: Metrics | undefined): Result {
  const value = percentile(rule, metrics);
  const compared = rule.of === 'stable' && reference !== undefined;
  const limit = compared ? rule.below * percentile(rule, reference) : rule.below;
  const figures = `${rule.metric} ${formatDuration(value)} (${metrics.requests} requests)`;
  if (value < limit || value === 0) return { verdict: 'pass', line: figures };
  return { verdict: 'fail', line: `${figures} is not below ${formatDuration(limit)}${compared ? ` (${rule.below}x stable)` : ''}` };
}

function percentile({ metric }: Rule, { latency: { p50, p95, p99 } }: Metrics): number {
  return metric === 'latencyP50' ? p50 : metric === 'latencyP95' ? p95 : p99;
}

/**
 * Bounds of a share of which `hits` of `total` are known (score interval; E. B. Wilson, Probable inference, the law of succession, and
 * statistical inference, JASA 22, 1927). Unlike the normal approximation it holds for small samples and rare hits.
 */
export function wilson(hits: number, total: number, z: number): readonly [lower: number, upper: number] {
  const share = hits / total;
  const width = (z * z) / total;
  const middle = share + width / 2;
  const spread = z * Math.sqrt((share * (1 - share)) / total + width / (4 * total));
  return [Math.max(0, (middle - spread) / (1 + width)), Math.min(1, (middle + spread) / (1 + width))];
}

function percent(rate: number): string {
  return `${Number((rate * 100).toFixed(2))}%`;
}
