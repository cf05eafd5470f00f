/**
 * How often healthy canaries are taken for bad ones, and bad ones found: the rules as they are, the looks as a soak makes them, time that is only counted.
 * All of it with NX_DEPLOY_SOAK=1; an ordinary run has a part.
 */
import type { Metrics, Rule } from '../model/index.js';
import { judge, type References } from './judge.js';
import { binomial, seeded, type Random } from './random.spec-support.js';

const SOAK = process.env['NX_DEPLOY_SOAK'] === '1';
/** Bad looks in a row, as a soak has them. */
const ROW = 3;

interface Canary {
  /** Requests a second of both together. */
  readonly rate: number;
  /** Share of the canary, 0 to 1. */
  readonly weight: number;
  /** Error rates. */
  readonly stable: number;
  readonly canary: number;
  readonly seconds: number;
}

const DEFAULTS: readonly Rule[] = [{ metric: 'errorRate', below: 0.01, of: 'stable', over: true }, { metric: 'errorRate', below: 0.05, of: 'absolute' }];

function counted(requests: number, errors: number): Metrics {
  return { requests, errors, ejected: 0, latency: { p50: 5, p95: 10, p99: 20 }, times: [[4, 5, requests]] };
}

/** The second in which it failed; undefined when it did not. */
function failsAt(random: Random, { rate, weight, stable, canary, seconds }: Canary, rules: readonly Rule[], baseline?: Metrics): number | undefined {
  const [mine, theirs] = [Math.round(rate * weight), Math.round(rate * (1 - weight))];
  const sums = { requests: 0, errors: 0, stableRequests: 0, stableErrors: 0 };
  let row = 0;
  for (let second = 1; second <= seconds; second += 1) {
    sums.requests += mine;
    sums.stableRequests += theirs;
    sums.errors += binomial(random, mine, canary);
    sums.stableErrors += binomial(random, theirs, stable);
    const references: References = { stable: counted(sums.stableRequests, sums.stableErrors), baseline };
    const { verdict } = judge({ rules, minimum: 20 }, counted(sums.requests, sums.errors), references);
    row = verdict === 'fail' ? row + 1 : 0;
    if (row >= ROW || (row > 0 && second === seconds)) return second;
  }
  return undefined;
}

/** Of how many canaries of those that `draw` gives. */
function failures(times: number, draw: (random: Random) => Canary, rules: readonly Rule[], baseline?: (random: Random, canary: Canary) => Metrics): { readonly failed: number; readonly median: number } {
  const random = seeded(20_26);
  const found: number[] = [];
  for (let run = 0; run < times; run += 1) {
    const canary = draw(random);
    const second = failsAt(random, canary, rules, baseline?.(random, canary));
    if (second !== undefined) found.push(second);
  }
  found.sort((a, b) => a - b);
  return { failed: found.length, median: found[Math.floor(found.length / 2)] ?? NaN };
}

function healthy(random: Random): Canary {
  const error = 0.001 + 0.019 * random();
  return { rate: 20 + 480 * random(), weight: 0.05 + 0.45 * random(), stable: error, canary: error, seconds: SOAK ? 300 : 60 };
}

function worseBy(points: number, base: number, seconds = 60): () => Canary {
  return () => ({ rate: 50, weight: 0.1, stable: base, canary: base + points / 100, seconds });
}

/** Worse than the stable release by less than the point that it may be. */
describe('a canary that keeps its limit, but is worse', () => {
  test.each<[string, Canary, number]>([
    ['10% of 50 requests/s, 0.5% and 1.3%, 60 s', { rate: 50, weight: 0.1, stable: 0.005, canary: 0.013, seconds: 60 }, 0.02],
    ['10% of 50 requests/s, 0.5% and 1%, 300 s', { rate: 50, weight: 0.1, stable: 0.005, canary: 0.01, seconds: 300 }, 0.01],
    ['10% of 50 requests/s, 0.5% and 1.3%, 300 s', { rate: 50, weight: 0.1, stable: 0.005, canary: 0.013, seconds: 300 }, 0.2],
    ['50% of 500 requests/s, 0.5% and 1.3%, 300 s', { rate: 500, weight: 0.5, stable: 0.005, canary: 0.013, seconds: 300 }, 0.05],
  ])('%s', (what, canary, least) => {
    const runs = SOAK ? 10_000 : 50;
    const { failed, median } = failures(runs, () => canary, DEFAULTS);
    process.stdout.write(`worse by less than the points, ${what}: ${((100 * failed) / runs).toFixed(1)}%, half of them within ${median} s\n`);
    expect(failed / runs).toBeGreaterThanOrEqual(least);
  }, 600_000);
});

const MANY = SOAK ? 10_000 : 500;
const FOUND = SOAK ? 10_000 : 2_000;

describe('healthy canaries of 5% to 50% of 20 to 500 requests a second, 0.1% to 2% of which fail', () => {
  const before = (random: Random, { stable }: Canary): Metrics => counted(20_000, binomial(random, 20_000, stable));

  test.each<[string, readonly Rule[]]>([
    ['the limits of a canary that has no others', DEFAULTS],
    ['no more than the stable release has', [{ metric: 'errorRate', below: 1, of: 'stable' }]],
    ['no more than before', [{ metric: 'errorRate', below: 1, of: 'baseline' }]],
    ['one point more than before', [{ metric: 'errorRate', below: 0.01, of: 'baseline', over: true }]],
    ['a limit of 5%', [{ metric: 'errorRate', below: 0.05, of: 'absolute' }]],
    ['a limit of 2%, which some of them have', [{ metric: 'errorRate', below: 0.02, of: 'absolute' }]],
  ])('%s: fewer than 1 of 100 fail', (what, rules) => {
    const { failed } = failures(MANY, healthy, rules, before);
    process.stdout.write(`false alarms, ${what}: ${failed} of ${MANY}\n`);
    expect(failed).toBeLessThan(MANY / 100);
  }, 600_000);
});

describe('a canary of 10% of 50 requests a second, 0.5% of the stable release fail', () => {
  test('5 points more are found within 60 s in 99 of 100', () => {
    const { failed, median } = failures(FOUND, worseBy(5, 0.005), DEFAULTS);
    process.stdout.write(`5 points more: ${failed} of ${FOUND}, half of them within ${median} s\n`);
    expect(failed).toBeGreaterThanOrEqual(FOUND * 0.99);
  });

  test.each<[number, number, number]>([[1, 60, 0], [2, 60, 0.2], [3, 60, 0.6], [10, 60, 0.999], [1, 600, 0], [2, 600, 0.9]])('%d points more in %d s: at least %d', (points, seconds, least) => {
    const runs = SOAK ? 2_000 : 6_000 / seconds;
    const { failed, median } = failures(runs, worseBy(points, 0.005, seconds), DEFAULTS);
    process.stdout.write(`${points} points more in ${seconds} s: ${((100 * failed) / runs).toFixed(1)}%, half of them within ${median} s\n`);
    expect(failed / runs).toBeGreaterThanOrEqual(least);
  });
});
