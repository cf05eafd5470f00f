import { readXml } from './xml.js';

export interface TestTotals {
  readonly total: number;
  readonly passed: number;
  /** Failures and errors. */
  readonly failed: number;
  readonly skipped: number;
  /** Sum of the times of the tests, in ms; absent when the report has none. */
  readonly durationMs?: number;
}

/**
 * Totals of a JUnit report, by counting its test cases: attributes of suites are summed up differently by different tools.
 * The format is that of Ant's junitreport, as jest-junit, vitest, Surefire, pytest and others write it.
 */
export function junitTotals(text: string): TestTotals {
  const counts = { total: 0, failed: 0, skipped: 0 };
  let seconds: number | undefined;
  let outcome: 'passed' | 'failed' | 'skipped' | undefined;
  readXml(text, {
    open({ name, attributes }, depth) {
      if (depth === 0 && name !== 'testsuites' && name !== 'testsuite') throw new Error(`the root element must be testsuites or testsuite, got ${name}`);
      if (name === 'testcase') {
        outcome = 'passed';
        const time = Number((attributes.get('time') ?? '').replaceAll(',', '') || Number.NaN);
        if (Number.isFinite(time) && time >= 0) seconds = (seconds ?? 0) + time;
      } else if (outcome !== undefined && (name === 'failure' || name === 'error')) outcome = 'failed';
      else if (outcome === 'passed' && name === 'skipped') outcome = 'skipped';
    },
    close(name) {
      if (name !== 'testcase') return;
      counts.total += 1;
      if (outcome === 'failed') counts.failed += 1;
      if (outcome === 'skipped') counts.skipped += 1;
      outcome = undefined;
    },
  });
  return { total: counts.total, passed: counts.total - counts.failed - counts.skipped, failed: counts.failed, skipped: counts.skipped, ...(seconds === undefined ? {} : { durationMs: Math.round(seconds * 1_000) }) };
}

export function totalsTogether(parts: readonly TestTotals[]): TestTotals {
  const sum = (key: 'total' | 'passed' | 'failed' | 'skipped'): number => parts.reduce((all, part) => all + part[key], 0);
  const times = parts.flatMap(({ durationMs }) => (durationMs === undefined ? [] : [durationMs]));
  return { total: sum('total'), passed: sum('passed'), failed: sum('failed'), skipped: sum('skipped'), ...(times.length === 0 ? {} : { durationMs: times.reduce((all, time) => all + time, 0) }) };
}
