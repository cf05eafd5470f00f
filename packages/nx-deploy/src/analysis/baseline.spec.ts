import { NO_METRICS } from '../model/index.js';
import { baselineOf } from './baseline.js';

const some = { ...NO_METRICS, requests: 5 };

test('the figures of the time before', async () => {
  const windows: number[] = [];
  expect(await baselineOf({ metrics: async (_id, window) => { windows.push(window); return some; } }, 'rA', 600_000)).toBe(some);
  expect(windows).toEqual([600_000]);
});

test('a router that tells nothing of that time tells all that it has counted', async () => {
  expect(await baselineOf({ metrics: async (_id, window) => (window > 1e12 ? some : NO_METRICS) }, 'rA', 600_000)).toBe(some);
});

test('nothing is known', async () => {
  expect(await baselineOf({ metrics: async () => NO_METRICS }, 'rA', 1)).toBeUndefined();
  expect(await baselineOf({}, 'rA', 1)).toBeUndefined();
  expect(await baselineOf({ metrics: async () => some }, undefined, 1)).toBeUndefined();
});
