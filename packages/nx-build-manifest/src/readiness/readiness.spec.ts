import fc from 'fast-check';
import type { Quality } from '../quality/index.js';
import { judge, parsePolicy, type JudgedFacts, type Verdict } from './judge.js';
import { parseRule, SUBJECTS } from './policy.js';

const findings: NonNullable<Quality['findings']> = { total: 6, levels: { error: 3, warning: 2, note: 1, none: 0 }, severities: { critical: 1, high: 0, medium: 0, low: 0 }, unrated: 0, suppressed: 4, reports: ['c'] };
const quality: Quality = {
  coverage: { lines: { covered: 899, total: 1000, percent: 89.9 }, branches: { covered: 0, total: 0 }, reports: ['a'] },
  tests: { total: 10, passed: 7, failed: 2, skipped: 1, reports: ['b'] },
  findings,
  performance: [
    { tool: 'k6', requests: 1, requestsPerSecond: 50, failed: 1, latencyMs: { p95: 30, p99: 90 }, report: 'd' }, { tool: 'autocannon', requests: 1, requestsPerSecond: 40, failed: 2, latencyMs: { p99: 120 }, report: 'e' },
  ],
  absent: [],
};
const facts: JudgedFacts = { git: { dirty: false }, quality, artifacts: [{ path: 'a', bytes: 2_000_000, sha256: '' }, { path: 'b', bytes: 1, sha256: '' }] };
const verdict = (rule: string, about: JudgedFacts = facts): Verdict => {
  const [first] = judge(parsePolicy([rule]), about).rules;
  if (first === undefined) throw new Error('no verdict');
  return first;
};

describe('a policy', () => {
  it.each([
    ['coverage < 90%', true, '89.9%'], ['line coverage < 89.9%', false, '89.9%'], ['  coverage   <=89.9 % ', true, '89.9%'], ['branch coverage < 1%', true, 'not known: the report counts no branches'], ['function coverage < 1%', true, 'not known: the report counts no functions'],
    ['critical findings > 0', true, '1'], ['high findings > 0', false, '0'], ['findings >= 7', false, '6'], ['error findings > 2', true, '3'], ['warning findings == 2', true, '2'],
    ['failed tests > 0', true, '2'], ['tests < 1', false, '10'], ['passed tests < 8', true, '7'], ['skipped tests > 1', false, '1'],
    ['p99 latency > 0.1s', true, '120 ms'], ['p99 latency > 120ms', false, '120 ms'], ['p95 latency > 1s', true, 'not known: a report has no p95 latency'], ['requests/s < 41', true, '40'], ['failed requests > 3', false, '3'],
    ['artifact size > 2MB', true, '2000001 bytes'], ['artifact size > 3 MB', false, '2000001 bytes'],
    ['dirty tree', false, 'clean tree'], ['no commit', false, 'clean tree'],
  ])('%s: %s, since %s', (rule, blocks, found) => {
    expect(verdict(rule)).toEqual({ rule: rule.trim().replace(/\s+/g, ' '), blocks, found });
  });

  it('blocks by what is not known', () => {
    const unknown = ['coverage < 1%', 'findings > 9', 'failed tests > 9', 'p50 latency > 9s', 'requests/s < 0', 'failed requests > 9', 'artifact size > 9GB', 'dirty tree', 'no commit'];
    const { ready, rules } = judge(parsePolicy(unknown), { quality: { absent: [] } });
    expect(ready).toBe(false);
    expect(rules.filter(({ blocks }) => !blocks)).toEqual([]);
    expect(rules.map(({ found }) => found)).toEqual(expect.arrayContaining(['not known: there is no report of coverage', 'not known: no artifact was named', 'no commit']));
    expect(verdict('dirty tree', { git: { dirty: true } })).toMatchObject({ blocks: true, found: 'dirty tree' });
    expect(verdict('failed requests > 9', { quality: { absent: [], performance: [{ tool: 'k6', requests: 1, requestsPerSecond: 1, latencyMs: {}, report: 'x' }] } }).found).toContain('does not count failed requests');
    expect(judge([], facts)).toEqual({ ready: true, rules: [] });
  });

  it.each([
    ['critical findings > 0', true, 'not known: 2 findings state no severity, beside 1 critical'], ['high findings > 0', true, 'not known: 2 findings state no severity'], ['low findings == 7', true, 'not known: 2 findings state no severity'],
    ['unrated findings > 2', false, '2'], ['error findings > 3', false, '3'], ['findings > 6', false, '6'],
  ])('where findings state no severity, %s: %s, since %s', (rule, blocks, found) => {
    expect(verdict(rule, { quality: { ...quality, findings: { ...findings, unrated: 2 } } })).toEqual({ rule, blocks, found });
    expect(verdict('high findings > 0', { quality: { ...quality, findings: { ...findings, unrated: 1 } } }).found).toBe('not known: 1 finding states no severity');
  });

  it.each([
    ['coverge < 90%', '"coverge" is nothing that can be judged; did you mean "coverage"?'], ['weather > 3', 'a rule begins with one of: dirty tree, no commit, coverage'], ['', '"" is nothing'],
    ['coverage', 'it must be "coverage", a comparison (<, <=, >, >=, ==) and a number, such as "coverage < 90%"'], ['coverage < ninety%', 'a number'], ['coverage < 90', 'the unit %'], ['coverage < 101%', 'at most 100%'],
    ['critical findings > 0%', 'no unit'], ['p99 latency > 5min', 'the unit ms or s'], ['artifact size > 5MiB', 'the unit B or kB or MB or GB'], ['coverage != 90%', '"coverage !" is nothing'], ['coverage < -1%', 'a number'], ['coverage < 1e3%', 'a number'],
    ['tests < 1; rm', 'a number'], ['artifact size > 1 constructor', 'the unit B'],
  ])('does not understand %j: %s', (rule, message) => {
    expect(() => parseRule(rule)).toThrow(message);
  });

  it('tells of all rules that it does not understand', () => {
    expect(() => parsePolicy(['coverage < 90%', 'x', 'y'])).toThrow(/blockers\[1\]: "x": .*; blockers\[2\]: "y": /s);
  });

  it('either understands a text or says why not, quickly', () => {
    fc.assert(fc.property(fc.oneof(fc.string({ maxLength: 2_000 }), fc.tuple(fc.constantFrom(...SUBJECTS), fc.string()).map((parts) => parts.join(' '))), (text) => {
      const rule = ((): ReturnType<typeof parseRule> | string => {
        try {
          return parseRule(text);
        } catch (error) {
          return (error as Error).message;
        }
      })();
      return typeof rule === 'string' ? rule.length > 10 : SUBJECTS.some((subject) => rule.rule.startsWith(subject));
    }));
  });
});
