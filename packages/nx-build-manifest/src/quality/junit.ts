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

type Outcome = 'passed' | 'failed' | 'skipped';
type Attributes = ReadonlyMap<string, string>;

/** What a case states in attributes: GoogleTest and CTest (`status`, `result`) have no element for what was not run. */
function statedOutcome(attributes: Attributes): Outcome {
  const stated = ['status', 'result'].map((name) => attributes.get(name)?.toLowerCase() ?? '');
  if (stated.some((word) => /^(?:fail|failed|failure|error)$/.test(word))) return 'failed';
  return stated.some((word) => /^(?:notrun|not_run|skipped|disabled|suppressed)$/.test(word)) ? 'skipped' : 'passed';
}

/** Failures and errors that a suite states. */
function statedFailures(attributes: Attributes): number {
  return ['failures', 'errors'].map((name) => attributes.get(name) ?? '').filter((value) => /^\d{1,9}$/.test(value)).reduce((sum, value) => sum + Number(value), 0);
}

/** Counts what a report tells, element by element. */
class Tally {
  total = 0;
  failed = 0;
  skipped = 0;
  seconds: number | undefined;
  /** Of the case that is open. */
  private outcome: Outcome | undefined;
  /** Elements that tell a failure, and failures that only a suite states. */
  private faults = 0;
  private readonly suites: { readonly stated: number; readonly before: number }[] = [];

  open(name: string, attributes: Attributes): void {
    if (name === 'testsuites' || name === 'testsuite') this.suites.push({ stated: statedFailures(attributes), before: this.faults });
    else if (name === 'testcase') this.openCase(attributes);
    else if (name === 'failure' || name === 'error') this.fault();
    else if (name === 'skipped' && this.outcome === 'passed') this.outcome = 'skipped';
  }

  close(name: string): void {
    if (name === 'testcase') this.closeCase();
    else if (name === 'testsuites' || name === 'testsuite') this.closeSuite();
  }

  private openCase(attributes: Attributes): void {
    this.outcome = statedOutcome(attributes);
    if (this.outcome === 'failed') this.faults += 1;
    const time = Number((attributes.get('time') ?? '').replaceAll(',', '') || Number.NaN);
    if (Number.isFinite(time) && time >= 0) this.seconds = (this.seconds ?? 0) + time;
  }

  /** Beside the cases it is of the suite itself, whose cases were never run. */
  private fault(): void {
    this.faults += 1;
    if (this.outcome === undefined) this.failures(1);
    else this.outcome = 'failed';
  }

  private closeCase(): void {
    this.total += 1;
    if (this.outcome === 'failed') this.failed += 1;
    if (this.outcome === 'skipped') this.skipped += 1;
    this.outcome = undefined;
  }

  /** A suite that could not be started states an error and has no case. */
  private closeSuite(): void {
    const { stated, before } = this.suites.pop() ?? { stated: 0, before: 0 };
    const missing = Math.max(0, stated - (this.faults - before));
    this.faults += missing;
    this.failures(missing);
  }

  private failures(count: number): void {
    this.total += count;
    this.failed += count;
  }
}

/**
 * Totals of a JUnit report, by counting its test cases: attributes of suites are summed up differently by different tools. Only where a suite states more failures and errors
 * than are told within it, those count too, each as a test.
 * The format is that of Ant's junitreport, as jest-junit, vitest, Surefire, pytest, GoogleTest and others write it.
 */
export function junitTotals(text: string): TestTotals {
  const tally = new Tally();
  readXml(text, {
    open({ name, attributes }, depth) {
      if (depth === 0 && name !== 'testsuites' && name !== 'testsuite') throw new Error(`the root element must be testsuites or testsuite, got ${name}`);
      tally.open(name, attributes);
    },
    close(name) {
      tally.close(name);
    },
  });
  const { total, failed, skipped, seconds } = tally;
  return { total, passed: total - failed - skipped, failed, skipped, ...(seconds === undefined ? {} : { durationMs: Math.round(seconds * 1_000) }) };
}

export function totalsTogether(parts: readonly TestTotals[]): TestTotals {
  const sum = (key: 'total' | 'passed' | 'failed' | 'skipped'): number => parts.reduce((all, part) => all + part[key], 0);
  const times = parts.flatMap(({ durationMs }) => (durationMs === undefined ? [] : [durationMs]));
  return { total: sum('total'), passed: sum('passed'), failed: sum('failed'), skipped: sum('skipped'), ...(times.length === 0 ? {} : { durationMs: times.reduce((all, time) => all + time, 0) }) };
}
