import fc from 'fast-check';
import { NO_METRICS } from '../../model/index.js';
import { ReleaseMetrics, RouteMetrics } from './metrics.js';

let now = 0;
beforeEach(() => { now = 1_000_000; });
const clock = (): number => now;

it('counts requests and errors, and finds percentiles within 5 %', () => {
  const metrics = new ReleaseMetrics(clock);
  for (let ms = 1; ms <= 1_000; ms += 1) metrics.count(ms > 990, ms);
  const { requests, errors, latency, times } = metrics.read(60_000);
  expect({ requests, errors }).toEqual({ requests: 1_000, errors: 10 });
  expect(times.reduce((sum, [, , count]) => sum + count, 0)).toBe(1_000);
  // Each holds what was counted between its bounds, and they are a tenth apart.
  for (const [from, to, count] of times) {
    const between = Array.from({ length: 1_000 }, (_, index) => index + 1).filter((ms) => ms >= from - 1e-9 && ms < to - 1e-9).length;
    expect(count).toBe(between);
    expect(to / from).toBeLessThan(1.1);
  }
  for (const [found, exact] of [[latency.p50, 500], [latency.p95, 950], [latency.p99, 990]] as const) {
    expect(Math.abs(found - exact) / exact).toBeLessThan(0.05);
  }
});

it('has no latency without an answer, and keeps the shortest and the longest in bounds', () => {
  const metrics = new ReleaseMetrics(clock);
  metrics.count(true);
  expect(metrics.read(1_000)).toEqual({ ...NO_METRICS, requests: 1, errors: 1 });
  metrics.count(false, 0);
  expect(metrics.read(1_000).latency.p99).toBeLessThan(0.2);
  metrics.count(false, 1e9);
  expect(metrics.read(1_000).latency.p99).toBeGreaterThan(90_000);
});

it('counts a later failure once, and not in a bucket that is another second by then', () => {
  const metrics = new ReleaseMetrics(clock);
  const [good, bad] = [metrics.count(false, 1), metrics.count(true, 1)];
  good.fail();
  good.fail();
  bad.fail();
  expect(metrics.read(1_000).errors).toBe(2);
  const late = metrics.count(false, 1);
  now += 24 * 3_600_000;
  metrics.count(false, 1);
  late.fail();
  expect(metrics.read(600_000)).toMatchObject({ requests: 1, errors: 0 });
});

it('reads only the seconds that began in the window, and always the current one', () => {
  const metrics = new ReleaseMetrics(clock);
  for (let second = 0; second < 10; second += 1) {
    metrics.count(false, 1);
    now += 1_000;
  }
  now -= 500; // 0.5 s into the last second
  expect(metrics.read(100).requests).toBe(1);
  expect(metrics.read(1_499).requests).toBe(1);
  expect(metrics.read(1_500).requests).toBe(2);
  expect(metrics.read(Infinity).requests).toBe(10);
});

it('keeps ten minutes by the second and 24 hours by the minute, and no more', () => {
  const metrics = new ReleaseMetrics(clock);
  now = 30 * 3_600_000 + 30_500; // half past a minute, half past a second
  const begin = now;
  for (let second = 0; second < 26 * 3_600; second += 1) {
    now = begin + second * 1_000;
    metrics.count(false, 1);
  }
  expect(metrics.read(600_000).requests).toBe(600);
  // 30 s of the current minute, and 1439 minutes before.
  expect(metrics.read(Infinity).requests).toBe(1_439 * 60 + 30);
  expect(metrics.read(24 * 3_600_000).requests).toBe(1_439 * 60 + 30);
  expect(metrics.totals).toEqual({ requests: 26 * 3_600, errors: 0, ejected: 0 });
  expect(metrics.size).toBe(600 + 1_440);
  now += 300_000;
  expect(metrics.read(600_000).requests).toBe(300);
  metrics.trim();
  expect(metrics.size).toBe(300 + 1_435);
});

it('never reads beyond the window, and a longer window never tells less', () => {
  fc.assert(fc.property(fc.integer({ min: 0, max: 120_000 }), fc.integer({ min: 0, max: 40 * 60_000 }), (phase, window) => {
    const metrics = new ReleaseMetrics(clock);
    now = 10 * 3_600_000 + phase;
    const begin = now;
    for (let second = 0; second < 3_000; second += 1) {
      now = begin + second * 1_000;
      metrics.count(false, 1);
    }
    const { requests } = metrics.read(window);
    expect(requests).toBeLessThanOrEqual(Math.max(1, Math.floor(window / 1_000) + 1));
    expect(requests).toBeGreaterThanOrEqual(Math.floor(window / 1_000) - (window > 600_000 ? 61 : 1));
    expect(metrics.read(window + 1_000).requests).toBeGreaterThanOrEqual(requests);
  }), { numRuns: 100 });
});

it('counts errors that come later, and ejected requests, in long windows and in the totals too', () => {
  const metrics = new ReleaseMetrics(clock);
  metrics.count(false, 20).fail();
  metrics.eject();
  now += 3_600_000;
  expect(metrics.read(600_000)).toEqual(NO_METRICS);
  const { latency, times, ...counts } = metrics.read(2 * 3_600_000);
  expect(counts).toEqual({ requests: 2, errors: 2, ejected: 1 });
  expect(times).toHaveLength(1);
  expect(Math.abs(latency.p95 - 20)).toBeLessThan(1);
  expect(metrics.totals).toEqual({ requests: 2, errors: 2, ejected: 1 });
});

it('forgets a release without traffic for 24 hours unless it is to be kept', () => {
  const metrics = new RouteMetrics(clock);
  metrics.of('__proto__').count(false, 1);
  metrics.of('live').count(true, 1);
  metrics.forget(new Set());
  now += 23 * 3_600_000;
  metrics.forget(new Set());
  expect(metrics.releases).toEqual(['__proto__', 'live']);
  now += 3_600_000;
  metrics.forget(new Set(['live']));
  expect(metrics.releases).toEqual(['live']);
  expect(metrics.read('__proto__', 1_000).requests).toBe(0);
  expect(metrics.totals).toEqual(new Map([['live', { requests: 1, errors: 1, ejected: 0 }]]));
});
