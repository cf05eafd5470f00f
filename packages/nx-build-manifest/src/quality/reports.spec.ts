import { coberturaCoverage, lcovCoverage, summaryCoverage } from './coverage.js';
import { junitTotals } from './junit.js';
import { performanceOf } from './performance.js';
import { findingsTogether, sarifFindings } from './sarif.js';

describe('coverage', () => {
  it('of istanbul', () => {
    const part = (covered: number, total: number): object => ({ total, covered, skipped: 0, pct: 1 });
    expect(summaryCoverage(JSON.stringify({ total: { lines: part(2, 3), branches: part(0, 0), branchesTrue: part(0, 0) }, '/x.ts': {} }))).toEqual({
      lines: { covered: 2, total: 3, percent: 66.66 }, branches: { covered: 0, total: 0 },
    });
  });

  it('of lcov, summed over files', () => {
    expect(lcovCoverage('TN:\nSF:a.c\nFNF:2\nFNH:1\nDA:1,1\nLF:10\nLH:9\nBRF:4\nBRH:1\nend_of_record\r\n# x\nSF:b.c\nLF:10\nLH:1\nend_of_record\n')).toEqual({
      lines: { covered: 10, total: 20, percent: 50 }, functions: { covered: 1, total: 2, percent: 50 }, branches: { covered: 1, total: 4, percent: 25 },
    });
  });

  it('of Cobertura, by the counts of its root or else of its lines', () => {
    expect(coberturaCoverage('<coverage lines-valid="8" lines-covered="7" branches-valid="4" branches-covered="4" line-rate="0"><packages/></coverage>')).toEqual({
      lines: { covered: 7, total: 8, percent: 87.5 }, branches: { covered: 4, total: 4, percent: 100 },
    });
    const lines = '<line number="1" hits="1"/><line number="2" hits="0" branch="true" condition-coverage="50% (1/2)"/>';
    expect(coberturaCoverage(`<coverage line-rate="0.5"><class><methods><method><lines>${lines}</lines></method></methods><lines>${lines}</lines></class></coverage>`)).toEqual({
      lines: { covered: 1, total: 2, percent: 50 }, branches: { covered: 1, total: 2, percent: 50 },
    });
  });

  it.each([
    [summaryCoverage, '{', 'is not valid JSON'], [summaryCoverage, '[]', 'total: is missing'], [summaryCoverage, '{"total":{}}', 'counts neither'],
    [summaryCoverage, '{"total":{"lines":{"covered":3,"total":2}}}', 'total.lines: must have whole numbers'], [summaryCoverage, '{"total":{"lines":{"pct":90}}}', 'total.lines: must have'],
    [lcovCoverage, '', 'has no record'], [lcovCoverage, 'SF:a\nLF:1\n', 'ends within a record'], [lcovCoverage, '<xml/>', 'line 1: is no line of lcov'], [lcovCoverage, 'SF:a\nLF:x\n', 'line 2: LF must be a whole number'],
    [lcovCoverage, 'end_of_record', 'without a source file'], [lcovCoverage, 'SF:a\nSF:b', 'before the last one has ended'], [lcovCoverage, 'SF:a\nLF:1\nLH:2\nend_of_record', 'more are covered'],
    [coberturaCoverage, '<testsuites/>', 'the root element must be coverage, got testsuites'], [coberturaCoverage, '<coverage lines-valid="1" lines-covered="x"/>', 'must be whole numbers'],
  ])('%p refuses %j', (parse, text, message) => {
    expect(() => parse(text)).toThrow(message);
  });
});

describe('tests', () => {
  it('are counted by their cases, whatever the suites say', () => {
    expect(junitTotals(`<testsuites tests="99"><testsuite tests="1"><properties/><testcase time="0.5"/><testcase time="1,000.25"><failure/><skipped/></testcase>
      <testcase><error message="a &lt; b"><![CDATA[<failure/>]]></error></testcase><testcase time="0"><skipped/></testcase><testcase><system-out>failure</system-out></testcase><error/></testsuite></testsuites>`)).toEqual({
      total: 5, passed: 2, failed: 2, skipped: 1, durationMs: 1_000_750,
    });
    expect(junitTotals('<testsuite/>')).toEqual({ total: 0, passed: 0, failed: 0, skipped: 0 });
    expect(() => junitTotals('<coverage/>')).toThrow('the root element must be testsuites or testsuite, got coverage');
  });
});

describe('findings', () => {
  const rules = [
    { id: 'a', defaultConfiguration: { level: 'error' }, properties: { 'security-severity': '9.8' } }, { id: 'b', properties: { 'security-severity': '7' } }, { id: 'c', defaultConfiguration: { level: 'note' } },
  ];
  const log = (results: unknown, extra: object = {}): string => JSON.stringify({ version: '2.1.0', runs: [{ tool: { driver: { rules }, extensions: [{ rules: [{ id: 'e', properties: { 'security-severity': 3.9 } }] }] }, results, ...extra }] });

  it('take level and severity from the result or from its rule', () => {
    const results = [
      { ruleIndex: 0 }, { ruleId: 'b' }, { ruleId: 'c/sub' }, { ruleId: 'unknown', level: 'none' }, { kind: 'pass' }, { rule: { index: 0, toolComponent: { index: 0 } } },
      { level: 'error', properties: { 'security-severity': 5 } }, { ruleIndex: 0, suppressions: [{ kind: 'inSource' }] }, { ruleIndex: 0, suppressions: [{ kind: 'external', status: 'rejected' }] }, { ruleId: 'x', properties: { 'security-severity': '0' } },
    ];
    expect(sarifFindings(log(results))).toEqual({ total: 9, levels: { error: 3, warning: 3, note: 1, none: 2 }, severities: { critical: 2, high: 1, medium: 1, low: 1 }, unrated: 1, suppressed: 1 });
    expect(sarifFindings('{"version":"2.1.0","runs":[{}]}').total).toBe(0);
  });

  it('that are gone do not count, those that state no severity are counted, and those that are no failure have none', () => {
    const results = [
      { level: 'error' }, { ruleId: 'c' }, { ruleIndex: 0, baselineState: 'absent' }, { baselineState: 'absent', suppressions: [{ kind: 'inSource' }] }, { ruleIndex: 0, baselineState: 'unchanged' },
      { kind: 'pass' }, { level: 'none' }, { ruleId: 'x', properties: { 'security-severity': 0 } }, { ruleIndex: 0, suppressions: [{ kind: 'external', status: 'underReview' }] }, { ruleIndex: 0, suppressions: [] },
    ];
    const found = sarifFindings(log(results));
    expect(found).toEqual({ total: 8, levels: { error: 4, warning: 1, note: 1, none: 2 }, severities: { critical: 3, high: 0, medium: 0, low: 0 }, unrated: 2, suppressed: 0 });
    expect(findingsTogether([found, { ...found, total: 1 }, { ...sarifFindings(log([])) }])).toMatchObject({ total: 9, unrated: 4 });
  });

  it.each([
    ['{}', 'runs: must be a list'], ['{"version":"1.0.0","runs":[]}', 'version: must be "2.1.0", got "1.0.0"'], [log(null), 'null says that the tool failed'], [log([7]), 'runs[0].results[0]: must be an object'],
    [log([{ level: 'fatal' }]), 'a level must be one of error, warning, note, none, got "fatal"'], [log([{ properties: { 'security-severity': 'high' } }]), 'must be a number from 0 to 10'], ['{"version":"2.1.0","runs":[7]}', 'runs[0]: must be an object'],
  ])('refuse %j', (text, message) => {
    expect(() => sarifFindings(text)).toThrow(message);
  });
});

describe('performance', () => {
  const durations = { avg: 12.5, min: 1, med: 11, max: 80, 'p(90)': 20, 'p(95)': 30 };

  it('of k6, in both of its forms', () => {
    const expected = { tool: 'k6', requests: 200, failed: 2, requestsPerSecond: 20, latencyMs: { average: 12.5, p50: 11, p90: 20, p95: 30, max: 80 } };
    // In http_req_failed "passes" counts the requests that failed.
    expect(performanceOf(JSON.stringify({ metrics: { http_reqs: { count: 200, rate: 20 }, http_req_duration: durations, http_req_failed: { passes: 2, fails: 198, value: 0.01 } } }))).toEqual(expected);
    expect(performanceOf(JSON.stringify({ metrics: { http_reqs: { type: 'counter', values: { count: 200, rate: 20 } }, http_req_duration: { values: durations }, http_req_failed: { values: { rate: 0.01, passes: 2, fails: 198 } } } }))).toEqual(expected);
    expect(performanceOf(JSON.stringify({ metrics: { http_reqs: { count: 1, rate: 1 }, http_req_duration: durations } }))).not.toHaveProperty('failed');
  });

  it('of autocannon', () => {
    expect(performanceOf(JSON.stringify({ requests: { average: 250, total: 500 }, latency: { average: 100.1, p50: 67, p90: 126, p97_5: 378, p99: 386, max: 424 }, errors: 3, timeouts: 1, non2xx: 4, duration: 2.06 }))).toEqual({
      tool: 'autocannon', requests: 500, failed: 7, requestsPerSecond: 250, latencyMs: { average: 100.1, p50: 67, p90: 126, p99: 386, max: 424 },
    });
  });

  it.each([
    ['{}', 'is neither a summary of k6'], ['{"metrics":{}}', 'has no http_reqs and http_req_duration'], ['{"metrics":{"http_reqs":{"count":-1},"http_req_duration":{}}}', 'metrics.http_reqs.count: must be a number from 0'],
    ['{"metrics":{"http_reqs":{"count":1,"rate":1},"http_req_duration":{"avg":"12ms"}}}', 'metrics.http_req_duration.avg: must be a number'], ['{"metrics":{"http_reqs":{"count":1,"rate":1},"http_req_duration":{}}}', 'has none of avg, med'],
    ['{"requests":{"total":1,"average":1},"latency":{"p50":1},"errors":0}', 'result.non2xx: must be a number'],
  ])('refuses %j', (text, message) => {
    expect(() => performanceOf(text)).toThrow(message);
  });
});
