/**
 * Percentiles of the answer times. That 95 of 100 answers come in less than 300 ms says that at most 5 of 100 take longer, and so it is judged like a share of errors: no
 * assumption is made of how the times are spread. Against another release the limit is its own percentile, and the answers of both beyond that are compared
 * (the control quantile test: H. C. Mathisen, A method of testing the hypothesis that two samples are from the same population, Annals of Mathematical
 * Statistics 14, 1943).
 */
import { formatDuration, limitText, type Metrics, type Ms, type Rule } from '../model/index.js';
import { atMost, isBeyondDoubt } from './evidence.js';
import type { Case, Finding } from './judge.js';
import { answersOf, boundsOf, slowerThan } from './times.js';

type Percentile = Exclude<Rule['metric'], 'errorRate'>;

const SHARE: Readonly<Record<Percentile, number>> = { latencyP50: 0.5, latencyP95: 0.95, latencyP99: 0.99 };

export function judgeLatency(given: Case): Finding {
  const { rule, metrics, reference } = given;
  const answers = answersOf(metrics.times);
  const before = reference === undefined ? 1 : answersOf(reference.times);
  // Requests that got no answer have no time.
  if (answers === 0 || before === 0) return { verdict: 'inconclusive', line: `${rule.metric}: no answer was timed${before === 0 ? ` ${ofReference(rule)}` : ''}` };
  const value = percentile(rule, metrics);
  const figures = `${rule.metric} ${formatDuration(value)} (${metrics.requests} requests)`;
  const limit = reference === undefined ? rule.below : limitAgainst(rule, percentile(rule, reference));
  if (isSlower(given, answers)) return { verdict: 'fail', line: `${figures} is not below ${formatDuration(limit)}${reference === undefined ? '' : ` (${limitText(rule)})`}` };
  // Against another release, what is not clear passes.
  if (reference !== undefined || value < limit) return { verdict: 'pass', line: figures };
  return { verdict: 'inconclusive', line: `${figures} is too close to ${formatDuration(limit)}` };
}

function isSlower({ rule, metrics: { times }, reference, risk }: Case, answers: number): boolean {
  const share = SHARE[rule.metric as Percentile];
  const beyond = (limit: Ms): number => slowerThan(times, limit);
  if (reference === undefined) return isBeyondDoubt(beyond(rule.below), answers - beyond(rule.below), 1 - share, risk);
  const others = answersOf(reference.times);
  if (rule.of === 'baseline') {
    // The percentile from before is an estimate as well: it is no more than that of the upper bound of its share, and half of the risk is its.
    const upper = atMost(share * others, others);
    const slow = beyond(limitAgainst(rule, boundsOf(reference.times, upper)?.[1] ?? Infinity));
    return isBeyondDoubt(slow, answers - slow, 1 - share, risk / 2);
  }
  const [from, to] = boundsOf(reference.times, share) ?? [Infinity, Infinity];
  return isBeyondDoubt(beyond(limitAgainst(rule, to)), slowerThan(reference.times, from), answers / (answers + others), risk);
}

function limitAgainst({ below, over }: Rule, figure: Ms): Ms {
  return over === true ? figure + below : below * figure;
}

function ofReference({ of }: Rule): string {
  return of === 'stable' ? 'of the stable release' : 'before the change';
}

function percentile({ metric }: Rule, { latency: { p50, p95, p99 } }: Metrics): number {
  return metric === 'latencyP50' ? p50 : metric === 'latencyP95' ? p95 : p99;
}
