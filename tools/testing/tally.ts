import { readFileSync } from 'node:fs';

/** Counts of tests. A check that is no test (the type check, the linter, the coverage gate) counts as one. */
export interface Tally {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

export const nothing: Tally = { passed: 0, failed: 0, skipped: 0 };
export const onePassed: Tally = { passed: 1, failed: 0, skipped: 0 };
export const oneFailed: Tally = { passed: 0, failed: 1, skipped: 0 };

export function sum(tallies: readonly Tally[]): Tally {
  return tallies.reduce((left, right) => ({
    passed: left.passed + right.passed,
    failed: left.failed + right.failed,
    skipped: left.skipped + right.skipped,
  }), nothing);
}

/** The line that a run ends with; nothing may stand after it, and no colour in it. */
export function closingLine(tally: Tally): string {
  return `${tally.passed} passed, ${tally.failed} failed, ${tally.skipped} skipped`;
}

/** A run in which nothing passed proves nothing, so it fails too. */
export function exitCode(tally: Tally): 0 | 1 {
  return tally.failed > 0 || tally.passed === 0 ? 1 : 0;
}

const counts = ['numPassedTests', 'numFailedTests', 'numPendingTests', 'numTodoTests', 'numRuntimeErrorTestSuites'] as const;

function readCounts(file: string): readonly number[] | undefined {
  try {
    const report = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
    const numbers = counts.map((key) => report[key]);
    return numbers.every((count): count is number => typeof count === 'number' && Number.isInteger(count) && count >= 0) ? numbers : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Reads the report that `jest --json --outputFile` wrote. A suite that could not run counts as one failed test;
 * so does a report that is not there, cannot be read or holds no test, and an end without success that no count explains.
 *
 * @param ended whether jest ended by itself with exit code 0
 */
export function readTally(file: string, ended: boolean): Tally {
  const [passed = 0, failed = 0, pending = 0, todo = 0, broken = 0] = readCounts(file) ?? [];
  const tally = { passed, failed: failed + broken, skipped: pending + todo };
  const unexplained = tally.failed === 0 && (!ended || passed === 0);
  return unexplained ? { ...tally, failed: 1 } : tally;
}
