import fc from 'fast-check';
import { belongsTo } from './rendezvous.js';
import { newClient } from './sticky.js';

const CLIENTS = Array.from({ length: 10_000 }, newClient);

function groups(weights: Readonly<Record<string, number>>): Map<string, string> {
  const shares = Object.entries(weights).map(([release, weight]) => ({ release, weight }));
  return new Map(CLIENTS.map((client) => [client, belongsTo(client, shares)!.release]));
}

/** Pearson's statistic of the found sizes against those that the weights call for. */
function chiSquare(found: Map<string, string>, weights: Readonly<Record<string, number>>): number {
  const total = Object.values(weights).reduce((sum, weight) => sum + weight, 0);
  const sizes: Record<string, number> = {};
  for (const release of found.values()) sizes[release] = (sizes[release] ?? 0) + 1;
  return Object.entries(weights).reduce((sum, [release, weight]) => {
    const expected = found.size * weight / total;
    return sum + ((sizes[release] ?? 0) - expected) ** 2 / expected;
  }, 0);
}

it.each([[{ a: 90, b: 10 }], [{ a: 95, b: 5 }], [{ a: 99, b: 1 }], [{ a: 60, b: 30, c: 10 }], [{ a: 25, b: 25, c: 25, d: 25 }]])('gives releases their parts of 10,000 clients: %j', (weights) => {
  // At 3 degrees of freedom a greater one has a chance below 1 in 100,000.
  expect(chiSquare(groups(weights), weights)).toBeLessThan(26);
});

it('only adds clients to a release that grows, for any two steps', () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 98 }), fc.integer({ min: 1, max: 98 }), (one, other) => {
    const [less, more] = [Math.min(one, other), Math.max(one, other) + 1];
    const [before, after] = [groups({ a: 100 - less, b: less }), groups({ a: 100 - more, b: more })];
    const changed = CLIENTS.filter((client) => before.get(client) !== after.get(client));
    expect(changed.every((client) => after.get(client) === 'b')).toBe(true);
    expect(Math.abs(changed.length - (more - less) * 100)).toBeLessThan(300);
  }), { numRuns: 25 });
});

it('moves no client between the releases that stay when one leaves, and spreads those it had', () => {
  const [before, after] = [groups({ a: 60, b: 30, c: 10 }), groups({ a: 60, b: 30 })];
  const freed = new Map([...after].filter(([client]) => before.get(client) === 'c'));
  expect([...before].filter(([client, release]) => release !== 'c' && after.get(client) !== release)).toEqual([]);
  expect(chiSquare(freed, { a: 60, b: 30 })).toBeLessThan(26);
});

it('knows nothing of the order, and takes any release id', () => {
  const [a, b] = [{ release: '__proto__', weight: 50 }, { release: 'constructor', weight: 50 }];
  const chosen = (...shares: readonly (typeof a)[]): (string | undefined)[] => CLIENTS.slice(0, 100).map((client) => belongsTo(client, shares)?.release);
  expect(chosen(a, b)).toEqual(chosen(b, a));
  expect(new Set(chosen(a, b))).toEqual(new Set(['__proto__', 'constructor']));
  const none: readonly (typeof a)[] = [];
  expect(belongsTo('x', none)).toBeUndefined();
});
