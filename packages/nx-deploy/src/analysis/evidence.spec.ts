import fc from 'fast-check';
import { atMost, evidence, isBeyondDoubt, wilson } from './evidence.js';
import { binomial, seeded } from './random.spec-support.js';

describe('the evidence', () => {
  // Exact, with rational numbers (Python's fractions): half are allowed, so that odds of x have a chance of x / (1 + x).
  test.each<[string, number, number, number, number]>([
    ['one hit of one, where half are allowed', 1, 0, 0.5, Math.log(1745 / 1071)],
    ['one miss of one', 0, 1, 0.5, Math.log(397 / 1071)],
    ['one of each', 1, 1, 0.5, Math.log(78148816 / 143380125)],
    ['nothing yet', 0, 0, 0.05, 0],
  ])('of %s', (_what, hits, misses, share, expected) => expect(evidence(hits, misses, share)).toBeCloseTo(expected, 12));

  test('of what cannot be, or is always so', () => {
    expect(evidence(1, 5, 0)).toBe(Infinity);
    expect(evidence(0, 5, 0)).toBe(0);
    expect(evidence(9, 0, 1)).toBe(-Infinity);
  });

  test('its mean never grows with one more look, as long as the share is no greater than allowed: a martingale, exactly', () => {
    fc.assert(fc.property(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 3_000 }), fc.double({ min: 0.001, max: 0.9, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true }), (hits, misses, share, part) => {
      const chance = share * part;
      const now = evidence(hits, misses, share);
      const next = chance * Math.exp(evidence(hits + 1, misses, share) - now) + (1 - chance) * Math.exp(evidence(hits, misses + 1, share) - now);
      expect(next).toBeLessThanOrEqual(1 + 1e-9);
      if (part === 1) expect(next).toBeCloseTo(1, 9);
    }));
  });

  test('more hits are more of it, more misses less', () => {
    fc.assert(fc.property(fc.nat({ max: 1_000 }), fc.nat({ max: 10_000 }), fc.double({ min: 0.001, max: 0.95, noNaN: true }), (hits, misses, share) => {
      expect(evidence(hits + 1, misses, share)).toBeGreaterThan(evidence(hits, misses, share));
      expect(evidence(hits, misses + 1, share)).toBeLessThan(evidence(hits, misses, share));
    }));
  });

  test('counts of a busy day are no trouble', () => {
    expect(isBeyondDoubt(6e7, 1e9, 0.05, 1e-6)).toBe(true);
    expect(isBeyondDoubt(4e7, 1e9, 0.05, 0.5)).toBe(false);
  });
});

test('a look after each request at what is exactly as bad as allowed raises the alarm for fewer than 1 of 100', () => {
  const random = seeded(5);
  let alarms = 0;
  for (let run = 0; run < 1_000; run += 1) {
    let hits = 0;
    for (let seen = 1; seen <= 500; seen += 1) {
      hits += binomial(random, 1, 0.05);
      if (isBeyondDoubt(hits, seen - hits, 0.05, 0.01)) { alarms += 1; break; }
    }
  }
  expect(alarms).toBeLessThan(10);
});

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

  // Exact: the share at which so few hits or fewer have a chance of 0.5%, 1 - 0.005^(1/n) without any (C. J. Clopper, E. S. Pearson, 1934).
  test.each([20, 100, 1_000, 10_000])('what is known of %d without hits is no more certain than the exact bound says', (total) => {
    expect(atMost(0, total)).toBeGreaterThanOrEqual(1 - 0.005 ** (1 / total));
  });
});
