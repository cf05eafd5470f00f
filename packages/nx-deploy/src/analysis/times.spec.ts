import type { Times } from '../model/index.js';
import { answersOf, boundsOf, slowerThan } from './times.js';

const times: Times = [[0, 1, 90], [1, 2, 4], [100, 110, 5], [200, 220, 1]];

test('answers, and those that took longer', () => {
  expect(answersOf(times)).toBe(100);
  expect([0, 1, 2, 100, 105, 200, 220].map((limit) => slowerThan(times, limit))).toEqual([100, 10, 6, 6, 1, 1, 0]);
});

test('the bounds of a percentile', () => {
  expect([0, 0.5, 0.9, 0.94, 0.95, 0.99, 1].map((share) => boundsOf(times, share))).toEqual([[0, 1], [0, 1], [0, 1], [1, 2], [100, 110], [100, 110], [200, 220]]);
  expect(boundsOf([], 0.5)).toBeUndefined();
});
