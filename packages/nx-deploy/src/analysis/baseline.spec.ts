import { NO_METRICS } from '../model/index.js';
import { baselineOf } from './baseline.js';

const WANTED = { window: 600_000, minimum: 20 };
const some = { ...NO_METRICS, requests: 20 };

test('the figures of the time before', async () => {
  const windows: number[] = [];
  expect(await baselineOf({ metrics: async (_id, window) => { windows.push(window); return some; } }, 'rA', WANTED)).toBe(some);
  expect(windows).toEqual([600_000]);
});

test.each([0, 5, 19])('where that time had %d requests, too few to say anything, all that the router has counted', async (requests) => {
  expect(await baselineOf({ metrics: async (_id, window) => (window > 1e12 ? some : { ...NO_METRICS, requests }) }, 'rA', WANTED)).toBe(some);
});

test('few are better than none', async () => {
  const few = { ...NO_METRICS, requests: 5 };
  expect(await baselineOf({ metrics: async () => few }, 'rA', WANTED)).toBe(few);
  expect(await baselineOf({ metrics: async (_id, window) => (window > 1e12 ? NO_METRICS : few) }, 'rA', WANTED)).toBe(few);
});

test('nothing is known', async () => {
  expect(await baselineOf({ metrics: async () => NO_METRICS }, 'rA', WANTED)).toBeUndefined();
  expect(await baselineOf({}, 'rA', WANTED)).toBeUndefined();
  expect(await baselineOf({ metrics: async () => some }, undefined, WANTED)).toBeUndefined();
});
