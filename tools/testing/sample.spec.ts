import { inTurn, randomly, sampleOf } from './sample.js';

const ALL = ['a', 'b', 'c', 'd', 'e'];

it('picks the same for the same seed, in order and nothing twice', () => {
  for (let seed = 0; seed < 50; seed += 1) {
    const picked = sampleOf(ALL, 3, randomly(seed));
    expect(picked).toEqual(sampleOf(ALL, 3, randomly(seed)));
    expect(picked).toEqual([...new Set(picked)].sort());
    expect(picked).toHaveLength(3);
  }
});

it('picks each item for some seed, and all where there are no more', () => {
  const picked = new Set(Array.from({ length: 50 }, (_, seed) => sampleOf(ALL, 1, randomly(seed))).flat());
  expect([...picked].sort()).toEqual(ALL);
  expect(sampleOf(ALL, 9, randomly(1))).toEqual(ALL);
});

it('gives every kind to as many items in a row, with any seed, and to each item every kind with as many seeds', () => {
  const numbers = [0, 1, 2, 3, 4];
  for (const other of numbers) {
    expect(numbers.map((item) => inTurn(ALL, item, other)).sort()).toEqual(ALL);
    expect(numbers.map((seed) => inTurn(ALL, other, seed)).sort()).toEqual(ALL);
  }
  expect(() => inTurn([], 0, 0)).toThrow('there are no kinds');
});
