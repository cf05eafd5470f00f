import fc from 'fast-check';
import type { Analysis, Metrics, Rule } from '../model/index.js';
import { judge, wilson } from './judge.js';

function counted(requests: number, errors: number, p95 = 100): Metrics {
  return { requests, errors, ejected: 0, latency: { p50: p95 / 2, p95, p99: p95 * 2 } };
}

const errors5: Rule = { metric: 'errorRate', below: 0.05, of: 'absolute' };
const slower: Rule = { metric: 'latencyP95', below: 1.5, of: 'stable' };

function rules(...list: readonly Rule[]): Analysis {
  return { rules: list, minimum: 20, inconclusive: 'stop' };
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
  ])('%s: %d requests, %d errors', (_what, requests, errors, verdict) => {
    expect(judge(rules(errors5), counted(requests, errors), undefined, 'last').verdict).toBe(verdict);
  });

  test('an early look asks for more before it fails', () => {
    expect(judge(rules(errors5), counted(40, 6), undefined, 'last').verdict).toBe('fail');
    expect(judge(rules(errors5), counted(40, 6), undefined, 'early').verdict).toBe('inconclusive');
    expect(judge(rules(errors5), counted(40, 20), undefined, 'early').verdict).toBe('fail');
  });

  test('the reason has the figures', () => {
    expect(judge(rules(errors5), counted(1_000, 300), undefined, 'last').lines).toEqual(['errorRate 30% (300 of 1000 requests) is not below 5%']);
    expect(judge(rules(errors5), counted(3, 0), undefined, 'last').lines).toEqual(['errorRate: 3 requests, 20 needed']);
  });

  test('the minimum is the one that was asked for', () => {
    expect(judge({ ...rules(errors5), minimum: 5 }, counted(5, 5), undefined, 'last').verdict).toBe('fail');
    expect(judge({ ...rules(errors5), minimum: 500 }, counted(499, 499), undefined, 'last').verdict).toBe('inconclusive');
  });
});

describe('against the stable release', () => {
  const twice: Rule = { metric: 'errorRate', below: 2, of: 'stable' };

  test.each<[string, Metrics, Metrics, string]>([
    ['no errors on either side', counted(1_000, 0), counted(9_000, 0), 'pass'],
    ['one error more than none is chance', counted(100, 1), counted(900, 0), 'pass'],
    ['five points more', counted(600, 33), counted(5_400, 27), 'fail'],
    ['the same', counted(1_000, 10), counted(9_000, 90), 'pass'],
    ['too little to compare with', counted(1_000, 400), counted(5, 0), 'inconclusive'],
  ])('%s', (_what, mine, stable, verdict) => expect(judge(rules(twice), mine, stable, 'last').verdict).toBe(verdict));

  test('latency', () => {
    expect(judge(rules(slower), counted(100, 0, 149), counted(900, 0, 100), 'last').verdict).toBe('pass');
    const bad = judge(rules(slower), counted(100, 0, 2_000), counted(900, 0, 100), 'last');
    expect(bad).toEqual({ verdict: 'fail', lines: ['latencyP95 2.0s (100 requests) is not below 150ms (1.5x stable)'] });
  });

  test('a rule against it does not apply where it has no traffic; the others do', () => {
    expect(judge(rules(slower), counted(100, 0, 2_000), undefined, 'last')).toEqual({ verdict: 'pass', lines: [] });
    expect(judge(rules(slower, errors5), counted(100, 90, 2_000), undefined, 'last').verdict).toBe('fail');
  });
});

test('a percentile needs requests beyond it', () => {
  const p99: Rule = { metric: 'latencyP99', below: 100, of: 'absolute' };
  expect(judge(rules(p99), counted(99, 0, 500), undefined, 'last').verdict).toBe('inconclusive');
  expect(judge(rules(p99), counted(100, 0, 500), undefined, 'last').verdict).toBe('fail');
  expect(judge(rules(p99), counted(100, 0, 500), undefined, 'early').verdict).toBe('inconclusive');
  expect(judge(rules({ ...p99, metric: 'latencyP50' }), counted(100, 0, 150), undefined, 'last').verdict).toBe('pass');
});

test('every rule that fails is told, and a failure outweighs what is inconclusive', () => {
  const both = judge(rules(errors5, { metric: 'latencyP95', below: 50, of: 'absolute' }), counted(1_000, 300), undefined, 'last');
  expect(both.lines).toHaveLength(2);
  const mixed = judge(rules({ metric: 'latencyP99', below: 1, of: 'absolute' }, errors5), counted(50, 40), undefined, 'last');
  expect(mixed).toEqual({ verdict: 'fail', lines: ['errorRate 80% (40 of 50 requests) is not below 5%'] });
});

test('without rules there is nothing to fail', () => expect(judge(rules(), counted(0, 0), undefined, 'last')).toEqual({ verdict: 'pass', lines: [] }));

describe('the score interval', () => {
  test.each<[number, number, number, number]>([[0, 10, 0, 0.2775], [5, 10, 0.2366, 0.7634], [1, 100, 0.0018, 0.0545], [10, 10, 0.7225, 1]])('%d of %d', (hits, total, lower, upper) => {
    const [low, high] = wilson(hits, total, 1.96);
    expect(low).toBeCloseTo(lower, 3);
    expect(high).toBeCloseTo(upper, 3);
  });

  test('holds the share itself, and narrows with more', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 10_000 }), fc.nat(), (total, seed) => {
      const hits = seed % (total + 1);
      const [low, high] = wilson(hits, total, 1.96);
      expect(low).toBeLessThanOrEqual(hits / total + 1e-12);
      expect(high).toBeGreaterThanOrEqual(hits / total - 1e-12);
      const [lowOfMore, highOfMore] = wilson(hits * 10, total * 10, 1.96);
      expect(highOfMore - lowOfMore).toBeLessThanOrEqual(high - low);
    }));
  });
});

test('healthy releases are taken for bad ones in less than 1 of 100 soaks of ten looks', () => {
  const random = mulberry32(42);
  const one: Rule = { metric: 'errorRate', below: 0.01, of: 'absolute' };
  let alarms = 0;
  for (let run = 0; run < 1_000; run += 1) {
    let [requests, errors, row] = [0, 0, 0];
    for (let look = 1; look <= 10; look += 1) {
      for (let shot = 0; shot < 50; shot += 1) { requests += 1; if (random() < 0.005) errors += 1; }
      row = judge(rules(one), counted(requests, errors), undefined, look === 10 ? 'last' : 'early').verdict === 'fail' ? row + 1 : 0;
      if (row >= 3 || (look === 10 && row > 0)) { alarms += 1; break; }
    }
  }
  expect(alarms).toBeLessThan(10);
});

/** A small generator with a seed (Tommy Ettinger), so that the test gives the same every time. */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
