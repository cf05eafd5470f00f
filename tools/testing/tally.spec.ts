import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { closingLine, exitCode, readTally, sum } from './tally.js';

describe('the tally', () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tally-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const counts = { numPassedTests: 5, numFailedTests: 0, numPendingTests: 0, numTodoTests: 0, numRuntimeErrorTestSuites: 0 };
  const report = (content: unknown): string => {
    const file = join(folder, 'report.json');
    writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
    return file;
  };

  it('counts passed, failed, and both kinds of skipped', () => {
    const file = report({ ...counts, numFailedTests: 2, numPendingTests: 3, numTodoTests: 4 });
    expect(readTally(file, false)).toEqual({ passed: 5, failed: 2, skipped: 7 });
  });

  it('counts a suite that could not run as failed', () => {
    expect(readTally(report({ ...counts, numRuntimeErrorTestSuites: 1 }), false)).toEqual({ passed: 5, failed: 1, skipped: 0 });
  });

  it('counts an end without success that no count explains as failed', () => {
    expect(readTally(report(counts), false)).toEqual({ passed: 5, failed: 1, skipped: 0 });
    expect(readTally(report(counts), true)).toEqual({ passed: 5, failed: 0, skipped: 0 });
  });

  it.each([
    ['a run without tests', { ...counts, numPassedTests: 0 }],
    ['a run that skipped all', { ...counts, numPassedTests: 0, numPendingTests: 4 }],
    ['a report without counts', {}],
    ['a report with a count that is no number', { ...counts, numPassedTests: '5' }],
    ['a report with a negative count', { ...counts, numPassedTests: -5 }],
    ['a truncated report', '{"numPassedTests": 5,'],
    ['null', null],
  ])('counts %s as failed', (_, content) => {
    expect(readTally(report(content), true)).toMatchObject({ passed: 0, failed: 1 });
  });

  it('counts a report that is not there as failed', () => {
    expect(readTally(join(folder, 'none.json'), true)).toEqual({ passed: 0, failed: 1, skipped: 0 });
  });

  it('adds up and prints', () => {
    const total = sum([{ passed: 1, failed: 2, skipped: 3 }, { passed: 10, failed: 20, skipped: 30 }]);
    expect(closingLine(total)).toBe('11 passed, 22 failed, 33 skipped');
  });

  it('fails when something failed or nothing passed', () => {
    expect(exitCode({ passed: 3, failed: 0, skipped: 9 })).toBe(0);
    expect(exitCode({ passed: 3, failed: 1, skipped: 0 })).toBe(1);
    expect(exitCode(sum([]))).toBe(1);
  });
});
