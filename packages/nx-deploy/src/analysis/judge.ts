/** Judges what the router counted for a release by the rules of its strategy: pure arithmetic on figures of the same window. */
import type { Metrics, Rule, RuleSet } from '../model/index.js';
import { judgeErrorRate } from './error-rate.js';
import { judgeLatency } from './latency.js';

/** inconclusive: too little is known, or it is too close to the limit to tell. It never passes. */
export type Verdict = 'pass' | 'fail' | 'inconclusive';

export interface Judgement {
  readonly verdict: Verdict;
  /** Why it is no pass, with the figures; one line for each rule. */
  readonly lines: readonly string[];
}

export interface Finding {
  readonly verdict: Verdict;
  readonly line: string;
}

/** What a release is compared with. */
export interface References {
  /** The stable release in the same window; undefined where it had no traffic to compare with: rules against it do not apply then. */
  readonly stable?: Metrics | undefined;
  /** What the router had counted before the change began; undefined where nothing is known: rules against it are inconclusive then. */
  readonly baseline?: Metrics | undefined;
}

/** One rule and what it is judged by. */
export interface Case {
  readonly rule: Rule;
  readonly metrics: Metrics;
  /** Undefined for a limit that stands for itself. */
  readonly reference: Metrics | undefined;
  /** Of taking a release that keeps the rule for one that breaks it, in all looks together. */
  readonly risk: number;
}

/** Of each rule. */
export const RISK = 0.01;

/** `window` starts with the first look and never loses what was in it. */
export function judge({ rules, minimum }: RuleSet, metrics: Metrics, references: References, risk = RISK): Judgement {
  const applying = rules.filter(({ of }) => of !== 'stable' || references.stable !== undefined);
  return together(applying.map((rule) => {
    const reference = rule.of === 'absolute' ? undefined : references[rule.of];
    return missing(rule, minimum, metrics, reference) ?? (rule.metric === 'errorRate' ? judgeErrorRate : judgeLatency)({ rule, metrics, reference, risk });
  }));
}

export function together(findings: readonly Finding[]): Judgement {
  return gravest(findings.map(({ verdict, line }) => ({ verdict, lines: verdict === 'pass' ? [] : [line] })));
}

/** A failure outweighs what is inconclusive. */
export function gravest(judgements: readonly Judgement[]): Judgement {
  const verdicts = judgements.map(({ verdict }) => verdict);
  const verdict = verdicts.includes('fail') ? 'fail' : verdicts.includes('inconclusive') ? 'inconclusive' : 'pass';
  return { verdict, lines: judgements.flatMap((judgement) => (judgement.verdict === verdict ? judgement.lines : [])) };
}

const FEWEST: Readonly<Record<Rule['metric'], number>> = { errorRate: 1, latencyP50: 2, latencyP95: 20, latencyP99: 100 };

/** Without these the rule says nothing. A percentile needs requests beyond it. */
export function fewestRequests({ metric }: Rule, minimum: number): number {
  return Math.max(minimum, FEWEST[metric]);
}

function missing(rule: Rule, minimum: number, metrics: Metrics, reference: Metrics | undefined): Finding | undefined {
  const needed = fewestRequests(rule, minimum);
  const lacking = (line: string): Finding => ({ verdict: 'inconclusive', line: `${rule.metric}: ${line}` });
  if (!isUsable(metrics)) return lacking('the router gave no usable figures');
  if (metrics.requests < needed) return lacking(`${metrics.requests} requests, ${needed} needed`);
  if (rule.of === 'absolute') return undefined;
  if (reference === undefined) return lacking('nothing is known of the time before the change');
  if (!isUsable(reference)) return lacking(`the router gave no usable figures ${rule.of === 'stable' ? 'of the stable release' : 'from before the change'}`);
  if (reference.requests >= needed) return undefined;
  return lacking(`${reference.requests} requests ${rule.of === 'stable' ? 'of the stable release' : 'before the change'} to compare with, ${needed} needed`);
}

function isUsable({ requests, errors, latency }: Metrics): boolean {
  return [requests, errors, ...Object.values(latency)].every((figure) => Number.isFinite(figure) && figure >= 0) && errors <= requests;
}
