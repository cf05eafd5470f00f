import fc from 'fast-check';
import { NO_METRICS, type Metrics, type Rule, type RuleSet, type Times } from '../model/index.js';
import { judge, type References } from './judge.js';

/** Answers around 100 ms, so many of a thousand of which take this long. */
function counted(requests: number, errors: number, p95 = 100): Metrics {
  return { requests, errors, ejected: 0, latency: { p50: p95 / 2, p95, p99: p95 * 2 }, times: spread(requests, p95) };
}

/** Half up to half of p95, 6% of them from p95 on and 2% from twice of that on. */
function spread(requests: number, p95: number): Times {
  const of = (share: number): number => Math.round(requests * share);
  const all: Times = [[p95 / 2, p95 * 0.55, requests - of(0.44)], [p95 * 0.55, p95, of(0.38)], [p95, p95 * 1.09, of(0.04)], [p95 * 2, p95 * 2.2, of(0.02)]];
  return all.filter(([, , count]) => count > 0);
}

const errors5: Rule = { metric: 'errorRate', below: 0.05, of: 'absolute' };
const onePoint: Rule = { metric: 'errorRate', below: 0.01, of: 'stable', over: true };
const slower: Rule = { metric: 'latencyP95', below: 1.5, of: 'stable' };

function rules(...list: readonly Rule[]): RuleSet {
  return { rules: list, minimum: 20 };
}

function verdict(rule: Rule, metrics: Metrics, references: References = {}): string {
  return judge(rules(rule), metrics, references).verdict;
}

describe('error rate against a limit', () => {
  test.each<[string, number, number, string]>([
    ['none', 100, 0, 'pass'],
    ['clearly below', 1_000, 10, 'pass'],
    ['clearly above', 1_000, 300, 'fail'],
    ['a few more than allowed, of few requests', 40, 3, 'inconclusive'],
    ['the same share of many', 4_000, 300, 'fail'],
    ['exactly at the limit', 1_000, 50, 'inconclusive'],
    ['too few requests, all of them bad', 19, 19, 'inconclusive'],
  ])('%s: %d requests, %d errors', (_what, requests, errors, expected) => expect(verdict(errors5, counted(requests, errors))).toBe(expected));

  test('the reason has the figures', () => {
    expect(judge(rules(errors5), counted(1_000, 300), {}).lines).toEqual(['errorRate 30% (300 of 1000 requests) is not below 5%']);
    expect(judge(rules(errors5), counted(40, 3), {}).lines).toEqual(['errorRate 7.5% (3 of 40 requests) is too close to 5%']);
    expect(judge(rules(errors5), counted(3, 0), {}).lines).toEqual(['errorRate: 3 requests, 20 needed']);
  });

  test('the minimum is the one that was asked for', () => {
    expect(judge({ ...rules(errors5), minimum: 5 }, counted(5, 5), {}).verdict).toBe('fail');
    expect(judge({ ...rules(errors5), minimum: 500 }, counted(499, 499), {}).verdict).toBe('inconclusive');
  });

  test('a smaller risk asks for more', () => {
    expect(judge(rules(errors5), counted(40, 12), {}).verdict).toBe('fail');
    expect(judge(rules(errors5), counted(40, 12), {}, 1e-9).verdict).toBe('inconclusive');
  });
});

describe('errors against the stable release', () => {
  const twice: Rule = { metric: 'errorRate', below: 2, of: 'stable' };

  test.each<[string, Rule, Metrics, Metrics, string]>([
    ['no errors on either side', twice, counted(1_000, 0), counted(9_000, 0), 'pass'],
    ['one error more than none is chance', twice, counted(100, 1), counted(900, 0), 'pass'],
    ['five points more', twice, counted(600, 33), counted(5_400, 27), 'fail'],
    ['the same', twice, counted(1_000, 10), counted(9_000, 90), 'pass'],
    ['too little to compare with', twice, counted(1_000, 400), counted(5, 0), 'inconclusive'],
    ['five points more than allowed are one', onePoint, counted(300, 16), counted(2_700, 13), 'fail'],
    ['half a point more, beyond doubt, is less than one', onePoint, counted(100_000, 1_500), counted(100_000, 1_000), 'pass'],
    ['one point more by chance', onePoint, counted(200, 3), counted(1_800, 9), 'pass'],
    ['both have many', onePoint, counted(1_000, 200), counted(9_000, 1_800), 'pass'],
  ])('%s', (_what, rule, mine, stable, expected) => expect(verdict(rule, mine, { stable })).toBe(expected));

  test('the reason has the figures of both', () => {
    expect(judge(rules(onePoint, twice), counted(300, 30), { stable: counted(2_700, 13) }).lines).toEqual([
      'errorRate 10% (30 of 300 requests) is not below 1% over stable (0.48%, 13 of 2700 requests)',
      'errorRate 10% (30 of 300 requests) is not below 2x stable (0.48%, 13 of 2700 requests)',
    ]);
  });

  test('a rule against it does not apply where it has no traffic; the others do', () => {
    expect(judge(rules(slower, onePoint), counted(100, 90, 2_000), {})).toEqual({ verdict: 'pass', lines: [] });
    expect(verdict(onePoint, counted(100, 90))).toBe('pass');
    expect(judge(rules(slower, errors5), counted(100, 90, 2_000), {}).verdict).toBe('fail');
  });
});

describe('against the time before the change', () => {
  const half: Rule = { metric: 'errorRate', below: 1.5, of: 'baseline' };
  const slow: Rule = { ...slower, of: 'baseline' };

  test.each<[string, Rule, Metrics, Metrics, string]>([
    ['as many errors', half, counted(1_000, 10), counted(20_000, 200), 'pass'],
    ['three times as many', half, counted(5_000, 150), counted(20_000, 200), 'fail'],
    ['a few more than few are no evidence', half, counted(100, 4), counted(200, 2), 'pass'],
    ['as slow', slow, counted(1_000, 0), counted(20_000, 0), 'pass'],
    ['four times as slow', slow, counted(1_000, 0, 400), counted(20_000, 0), 'fail'],
    ['too few requests then', half, counted(1_000, 500), counted(19, 0), 'inconclusive'],
    ['none then', slow, counted(1_000, 500), NO_METRICS, 'inconclusive'],
  ])('%s', (_what, rule, mine, baseline, expected) => expect(verdict(rule, mine, { baseline })).toBe(expected));

  test('nothing is known of it: inconclusive, whatever the release does', () => {
    expect(judge(rules(half, slow), counted(1_000, 999, 9_000), {})).toEqual({
      verdict: 'inconclusive', lines: ['errorRate: nothing is known of the time before the change', 'latencyP95: nothing is known of the time before the change'],
    });
  });
});

describe('latency', () => {
  const p95: Rule = { metric: 'latencyP95', below: 300, of: 'absolute' };

  test('against a limit', () => {
    expect(verdict(p95, counted(1_000, 0))).toBe('pass');
    expect(judge(rules(p95), counted(1_000, 0, 600), {})).toEqual({ verdict: 'fail', lines: ['latencyP95 600ms (1000 requests) is not below 300ms'] });
    expect(judge(rules(p95), counted(1_000, 0, 300), {})).toEqual({ verdict: 'inconclusive', lines: ['latencyP95 300ms (1000 requests) is too close to 300ms'] });
  });

  test('against the stable release', () => {
    expect(verdict(slower, counted(100, 0, 149), { stable: counted(900, 0, 100) })).toBe('pass');
    expect(judge(rules(slower), counted(100, 0, 2_000), { stable: counted(900, 0, 100) })).toEqual({ verdict: 'fail', lines: ['latencyP95 2.0s (100 requests) is not below 150ms (1.5x stable)'] });
    const ms: Rule = { ...slower, below: 50, over: true };
    expect(judge(rules(ms), counted(100, 0, 2_000), { stable: counted(900, 0, 100) }).lines).toEqual(['latencyP95 2.0s (100 requests) is not below 150ms (50ms over stable)']);
  });

  test('a percentile needs requests beyond it', () => {
    const p99: Rule = { metric: 'latencyP99', below: 100, of: 'absolute' };
    expect(verdict(p99, counted(99, 0, 500))).toBe('inconclusive');
    expect(verdict(p99, counted(100, 0, 500))).toBe('fail');
    expect(verdict({ ...p99, metric: 'latencyP50' }, counted(100, 0, 150))).toBe('pass');
  });

  test('requests without an answer have no time', () => {
    expect(judge(rules(p95), { ...counted(100, 100), times: [] }, {})).toEqual({ verdict: 'inconclusive', lines: ['latencyP95: no answer was timed'] });
    expect(judge(rules(slower), counted(100, 0), { stable: { ...counted(100, 100), times: [] } })).toEqual({ verdict: 'inconclusive', lines: ['latencyP95: no answer was timed of the stable release'] });
  });
});

test('every rule that fails is told, and a failure outweighs what is inconclusive', () => {
  const both = judge(rules(errors5, { metric: 'latencyP95', below: 50, of: 'absolute' }), counted(1_000, 300), {});
  expect(both.lines).toHaveLength(2);
  const mixed = judge(rules({ metric: 'latencyP99', below: 1, of: 'absolute' }, errors5), counted(50, 40), {});
  expect(mixed).toEqual({ verdict: 'fail', lines: ['errorRate 80% (40 of 50 requests) is not below 5%'] });
});

test('without rules there is nothing to fail', () => expect(judge(rules(), NO_METRICS, {})).toEqual({ verdict: 'pass', lines: [] }));

test('figures that are none are inconclusive, never a pass', () => {
  const odd = fc.constantFrom(NaN, Infinity, -1);
  fc.assert(fc.property(fc.constantFrom(errors5, onePoint, slower), odd, fc.constantFrom('requests', 'errors', 'p95'), fc.boolean(), (rule, figure, key, theirs) => {
    const good = counted(1_000, 0);
    const bad = key === 'p95' ? { ...good, latency: { ...good.latency, p95: figure } } : { ...good, [key]: figure };
    expect(verdict(rule, bad, { stable: good })).toBe('inconclusive');
    if (theirs && rule.of === 'stable') expect(verdict(rule, good, { stable: bad })).toBe('inconclusive');
  }));
  expect(verdict(errors5, { ...counted(100, 0), errors: 101 })).toBe('inconclusive');
});
