import fc from 'fast-check';
import { shares } from './shares.js';

test.each([
  [{ a: 3, b: 1 }, { a: 75, b: 25 }],
  [{ a: 1, b: 1, c: 1 }, { a: 34, b: 33, c: 33 }],
  [{ a: 1, b: 2 }, { a: 33, b: 67 }],
  [{ a: 0, b: 5 }, { a: 0, b: 100 }],
  [{ a: 0, b: 0 }, { a: 0, b: 0 }],
  [{}, {}],
])('%j shares as %j', (counts, expected) => expect(shares(counts)).toEqual(expected));

test('whole percents that sum to 100, each within one of the exact share, none for a count of zero', () => {
  fc.assert(fc.property(fc.dictionary(fc.string(), fc.nat(1_000), { maxKeys: 12 }), (counts) => {
    const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
    const result = shares(counts);
    expect(Object.keys(result)).toEqual(Object.keys(counts));
    expect(Object.values(result).reduce((sum, share) => sum + share, 0)).toBe(total === 0 ? 0 : 100);
    for (const [id, count] of Object.entries(counts)) {
      expect(Number.isInteger(result[id])).toBe(true);
      if (total > 0) expect(Math.abs(result[id]! - (count * 100) / total)).toBeLessThan(1);
      if (count === 0) expect(result[id]).toBe(0);
    }
  }));
});
