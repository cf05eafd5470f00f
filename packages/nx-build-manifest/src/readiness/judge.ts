import type { Artifact } from '../artifacts.js';
import type { GitFacts } from '../git.js';
import { messageOf, Problems } from '../problems.js';
import { SEVERITIES, type Quality } from '../quality/index.js';
import type { Findings } from '../quality/sarif.js';
import { parseRule, type Comparison, type FindingLevel, type Measure, type Rule } from './policy.js';

export interface Verdict {
  /** The rule as it was written. */
  readonly rule: string;
  /** true when it keeps the build from being ready; also when what it asks about is not known. */
  readonly blocks: boolean;
  /** What was found, for people. */
  readonly found: string;
}

export interface Readiness {
  /** No rule blocks. */
  readonly ready: boolean;
  /** In the order of the policy. */
  readonly rules: readonly Verdict[];
}

/** The facts that rules ask about. */
export interface JudgedFacts {
  readonly git?: Pick<GitFacts, 'dirty'>;
  readonly quality?: Quality;
  readonly artifacts?: readonly Artifact[];
}

/**
 * The rules of a policy.
 * @throws Problems of all that are not understood
 */
export function parsePolicy(texts: readonly string[]): readonly Rule[] {
  const problems: string[] = [];
  const rules = texts.flatMap((text, index) => {
    try {
      return [parseRule(text)];
    } catch (error) {
      problems.push(`blockers[${index}]: ${JSON.stringify(text)}: ${messageOf(error)}`);
      return [];
    }
  });
  if (problems.length > 0) throw new Problems(problems);
  return rules;
}

/** Any of the findings that state no severity may have the one that is asked about. */
function countOf(level: FindingLevel, { total, levels, severities, unrated = 0 }: Findings): number | string {
  const count = { ...levels, ...severities, unrated, total }[level];
  if (unrated === 0 || !SEVERITIES.some((severity) => severity === level)) return count;
  return `not known: ${unrated} ${unrated === 1 ? 'finding states' : 'findings state'} no severity${count === 0 ? '' : `, beside ${count} ${level}`}`;
}

/** What was measured, in the unit of the rule's limit; or why that is not known. */
function valueOf(measure: Measure, { quality, artifacts }: JudgedFacts): number | string {
  const noReport = (kind: string): string => `not known: there is no report of ${kind}`;
  switch (measure.of) {
    case 'coverage': {
      if (quality?.coverage === undefined) return noReport('coverage');
      const part = quality.coverage[measure.kind];
      return part?.percent ?? `not known: the report counts no ${measure.kind}`;
    }
    case 'findings': {
      if (quality?.findings === undefined) return noReport('findings');
      return countOf(measure.level, quality.findings);
    }
    case 'tests':
      return quality?.tests?.[measure.outcome] ?? noReport('tests');
    case 'latency': {
      const values = quality?.performance?.map(({ latencyMs }) => latencyMs[measure.figure]);
      if (values === undefined) return noReport('performance');
      return values.some((value) => value === undefined) ? `not known: a report has no ${measure.figure} latency` : Math.max(...values.filter((value) => value !== undefined));
    }
    case 'requests/s':
      return quality?.performance === undefined ? noReport('performance') : Math.min(...quality.performance.map(({ requestsPerSecond }) => requestsPerSecond));
    case 'failed requests': {
      const values = quality?.performance?.map(({ failed }) => failed);
      if (values === undefined) return noReport('performance');
      return values.some((value) => value === undefined) ? 'not known: a report does not count failed requests' : values.reduce<number>((sum, value) => sum + (value ?? 0), 0);
    }
    case 'artifact size':
      return artifacts === undefined ? 'not known: no artifact was named' : artifacts.reduce((sum, { bytes }) => sum + bytes, 0);
  }
}

const UNIT: Readonly<Partial<Record<Measure['of'], string>>> = { coverage: '%', latency: ' ms', 'artifact size': ' bytes' };

function holds(value: number, comparison: Comparison, limit: number): boolean {
  switch (comparison) {
    case '<': return value < limit;
    case '<=': return value <= limit;
    case '>': return value > limit;
    case '>=': return value >= limit;
    case '==': return value === limit;
  }
}

function judgeRule(rule: Rule, facts: JudgedFacts): Verdict {
  if ('state' in rule) {
    const found = facts.git === undefined ? 'no commit' : facts.git.dirty ? 'dirty tree' : 'clean tree';
    // Without a commit nobody can tell whether the tree differs from it.
    return { rule: rule.rule, blocks: rule.state === 'no commit' ? facts.git === undefined : facts.git?.dirty !== false, found };
  }
  const value = valueOf(rule.measure, facts);
  if (typeof value === 'string') return { rule: rule.rule, blocks: true, found: value };
  return { rule: rule.rule, blocks: holds(value, rule.comparison, rule.limit), found: `${value}${UNIT[rule.measure.of] ?? ''}` };
}

/** Whether a build is ready by a policy. What is not known blocks. */
export function judge(rules: readonly Rule[], facts: JudgedFacts): Readiness {
  const verdicts = rules.map((rule) => judgeRule(rule, facts));
  return { ready: verdicts.every(({ blocks }) => !blocks), rules: verdicts };
}
