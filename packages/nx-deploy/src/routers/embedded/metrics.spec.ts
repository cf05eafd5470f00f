import { ReleaseMetrics, RouteMetrics } from './metrics.js';

let now = 0;
beforeEach(() => { now = 1_000_000; });
const clock = (): number => now;

it('counts requests and errors, and finds percentiles within 5 %', () => {
  const metrics = new ReleaseMetrics(clock);
  for (let ms = 1; ms <= 1_000; ms += 1) metrics.count(ms > 990, ms);
  const { requests, errors, latency } = metrics.read(60_000);
  expect({ requests, errors }).toEqual({ requests: 1_000, errors: 10 });
  for (const [found, exact] of [[latency.p50, 500], [latency.p95, 950], [latency.p99, 990]] as const) {
    expect(Math.abs(found - exact) / exact).toBeLessThan(0.05);
  }
});

it('has no latency without an answer, and keeps the shortest and the longest in bounds', () => {
  const metrics = new ReleaseMetrics(clock);
  metrics.count(true);
  expect(metrics.read(1_000)).toEqual({ requests: 1, errors: 1, ejected: 0, latency: { p50: 0, p95: 0, p99: 0 } });
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
  now += 600_000;
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

it('keeps ten minutes and no more', () => {
  const metrics = new ReleaseMetrics(clock);
  for (let second = 0; second < 1_500; second += 1) {
    metrics.count(false, 1);
    now += 1_000;
  }
  now -= 1_000;
  expect(metrics.read(Infinity).requests).toBe(600);
  now += 300_000;
  expect(metrics.read(Infinity).requests).toBe(300);
});

it('forgets a release without traffic for ten minutes unless it is to be kept', () => {
  const metrics = new RouteMetrics(clock);
  metrics.of('old').count(false, 1);
  metrics.of('live').count(false, 1);
  metrics.forget(new Set());
  expect(metrics.releases).toEqual(['old', 'live']);
  now += 600_000;
  metrics.forget(new Set(['live']));
  expect(metrics.releases).toEqual(['live']);
  expect(metrics.read('old', 1_000).requests).toBe(0);
});
