import { counted, fleet } from '../apply/fake-platform.spec-support.js';
import { defaultTerms, type Analysis, type Metrics, type Probe, type WatchTerms } from '../model/index.js';
import { patrol, baselineWanted, type PatrolEnd } from './patrol.js';
import { StatefulPlatform, tempState, type TempState } from './stateful-platform.spec-support.js';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

let temp: TempState;
beforeAll(async () => { temp = await tempState(); });
afterAll(() => temp.remove());
beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

interface Watched {
  readonly terms?: Partial<WatchTerms>;
  readonly time: number;
  readonly baseline?: Metrics | 'none';
  /** What the router counted in so many ms of the past, `at` ms after the watch began. */
  readonly metrics?: (window: number, at: number) => Metrics;
  /** Web instances of two that are ready. */
  readonly ready?: (at: number) => number;
  /** The platform does not answer then. */
  readonly gone?: (at: number) => boolean;
}

/** How it ended, and after how many seconds of time that is only counted. */
async function watched({ terms, time, baseline = counted(1_000, 0), metrics = () => counted(1_000, 0), ready = () => 2, gone = () => false }: Watched): Promise<{ readonly end: PatrolEnd; readonly seconds: number }> {
  const platform = new StatefulPlatform(temp.state, fleet({ rB: [2, 100] }));
  const started = performance.now();
  const at = (): number => performance.now() - started;
  platform.metrics = async (_id, window = Infinity) => metrics(window, at());
  const list = platform.list.bind(platform);
  platform.list = async () => {
    if (gone(at())) throw new Error('gone');
    return { rB: { ...(await list())['rB']!, processes: { web: { running: 2, ready: ready(at()), draining: 0 } } } };
  };
  let end: PatrolEnd | undefined;
  let failure: unknown;
  let ended = 0;
  void patrol({
    platform, release: 'rB', terms: { ...defaultTerms(undefined), ...terms }, baseline: baseline === 'none' ? undefined : baseline, time, concerns: async () => true, signal: new AbortController().signal,
  }).then((found) => { end = found; ended = at(); }, (thrown: unknown) => { failure = thrown; });
  while (end === undefined && failure === undefined && at() < time + MINUTE) await jest.advanceTimersByTimeAsync(SECOND);
  if (failure !== undefined) throw failure;
  if (end === undefined) throw new Error('it does not end');
  return { end, seconds: Math.round(ended / SECOND) };
}

function problems(end: PatrolEnd): readonly string[] {
  return 'problems' in end ? end.problems : [];
}

describe('instances that are not ready', () => {
  test('have their time in a watch that is longer', async () => {
    expect(await watched({ time: 20 * MINUTE, ready: (at) => (at > MINUTE && at < 5 * MINUTE ? 0 : 2) })).toEqual({ end: { kind: 'fine' }, seconds: 1_200 });
    const { end, seconds } = await watched({ time: 20 * MINUTE, ready: (at) => (at > MINUTE ? 0 : 2) });
    expect(problems(end)).toEqual(['rB: 2 of 2 web instances are not ready, for 5m 00s']);
    expect(seconds).toBe(361);
  });

  test('have none in a shorter one', async () => {
    const { end, seconds } = await watched({ time: 30 * SECOND, ready: (at) => (at > 10 * SECOND ? 0 : 2) });
    expect({ end, seconds }).toEqual({ end: { kind: 'failed', problems: ['rB: 2 of 2 web instances are not ready'] }, seconds: 11 });
  });

  test('have as much as is said', async () => {
    expect((await watched({ time: 10 * MINUTE, terms: { unhealthy: 30 * SECOND }, ready: () => 0 })).seconds).toBe(31);
    expect((await watched({ time: 10 * MINUTE, terms: { unhealthy: 0 }, ready: () => 0 })).seconds).toBe(1);
  });
});

describe('errors', () => {
  test('that leave no doubt take it back within seconds', async () => {
    const { end, seconds } = await watched({ time: 15 * MINUTE, metrics: (window, at) => counted(Math.ceil(Math.min(window, at) / 10), Math.ceil(Math.min(window, at) / 20)) });
    expect(problems(end)).toEqual([expect.stringMatching(/^rB: errorRate 50% \(\d+ of \d+ requests\) is not below 5%$/)]);
    expect(seconds).toBeLessThan(6);
  });

  test('that came long after the deploy are found too: the window moves on', async () => {
    const broken = 10 * MINUTE;
    const { end, seconds } = await watched({
      time: 15 * MINUTE, metrics: (window, at) => counted(Math.min(window, at) / 100, Math.round(Math.max(0, Math.min(at - broken, window)) / 500)),
    });
    expect(problems(end)).toEqual([expect.stringMatching(/is not below 5%, in the last 3m 00s$/)]);
    // 20% of the requests fail from then on, which is 5% of the window after 45 s.
    expect(seconds).toBeGreaterThan(645);
    expect(seconds).toBeLessThan(750);
  });

  test('that come at the very end are looked at until that is sure', async () => {
    const { end, seconds } = await watched({ time: 2 * SECOND, metrics: () => counted(1_000, 900) });
    expect(problems(end)).toEqual(['rB: errorRate 90% (900 of 1000 requests) is not below 5%']);
    expect(seconds).toBe(3);
    const late = await watched({ time: 10 * SECOND, metrics: (_window, at) => counted(1_000, at > 9_500 && at < 10_500 ? 900 : 0) });
    expect(late).toEqual({ end: { kind: 'fine' }, seconds: 11 });
  });

  test('of a moment do not', async () => {
    expect((await watched({ time: 10 * MINUTE, metrics: (window, at) => counted(Math.min(window, at) / 10, at > 5 * MINUTE && at < 5 * MINUTE + window ? 200 : 0) })).end).toEqual({ kind: 'fine' });
  });
});

describe('answers that are slow', () => {
  const slow = { p50: 2_000, p95: 3_000, p99: 4_000 };

  test('for ten minutes take it back, not before', async () => {
    const { end, seconds } = await watched({ time: 30 * MINUTE, baseline: counted(1_000, 0), metrics: () => counted(1_000, 0, slow) });
    expect(problems(end)).toEqual(['rB: latencyP95 3.0s (1000 requests) is not below 15ms (1.5x baseline), in the last 10m 00s', 'rB: latencyP95 3.0s (1000 requests) is not below 2.0s, in the last 10m 00s']);
    expect(seconds).toBe(602);
    expect((await watched({ time: 9 * MINUTE, metrics: () => counted(1_000, 0, slow) })).end).toEqual({ kind: 'fine' });
  });

  test('for the whole of a watch that is as long as the window take it back', async () => {
    const { end, seconds } = await watched({ time: 10 * MINUTE, metrics: () => counted(1_000, 0, slow) });
    expect(end).toMatchObject({ kind: 'failed', problems: [expect.stringContaining('(1.5x baseline)'), expect.stringContaining('is not below 2.0s')] });
    expect(seconds).toBe(602);
  });

  test('and no slower than before are too slow all the same, if they take two seconds', async () => {
    const { end } = await watched({ time: 11 * MINUTE, baseline: counted(1_000, 0, slow), metrics: () => counted(1_000, 0, slow) });
    expect(problems(end)).toEqual(['rB: latencyP95 3.0s (1000 requests) is not below 2.0s, in the last 10m 00s']);
  });
});

describe('too little is known at the end', () => {
  test('and that is told', async () => {
    expect((await watched({ time: 30 * SECOND, metrics: () => counted(3, 0) })).end).toEqual({ kind: 'unknown', problems: ['errorRate: 3 requests, 20 needed'] });
    expect((await watched({ time: 11 * MINUTE, baseline: 'none' })).end).toEqual({ kind: 'unknown', problems: ['latencyP95: nothing is known of the time before the change, in the last 10m 00s'] });
  });

  test('a platform that does not count has nothing to judge by', async () => {
    const platform = new StatefulPlatform(temp.state, fleet({ rB: [2, 100] }));
    Object.assign(platform, { metrics: undefined });
    const ended = patrol({ platform, release: 'rB', terms: defaultTerms(undefined), time: 5 * SECOND, concerns: async () => true, signal: new AbortController().signal });
    await jest.advanceTimersByTimeAsync(6 * SECOND);
    expect(await ended).toEqual({ kind: 'fine' });
  });
});

describe('a platform that does not answer', () => {
  test('for a while ends nothing', async () => {
    const { end, seconds } = await watched({ time: 5 * MINUTE, gone: (at) => at < 2_500 || (at > MINUTE && at < MINUTE + 25 * SECOND), ready: (at) => (at < 2 * MINUTE ? 2 : 0), terms: { unhealthy: 0 } });
    expect({ end, seconds }).toEqual({ end: { kind: 'failed', problems: ['rB: 2 of 2 web instances are not ready'] }, seconds: 120 });
  });

  test('at the very end is asked again', async () => {
    expect(await watched({ time: MINUTE, gone: (at) => at > 59_500 && at < 60_500 })).toEqual({ end: { kind: 'fine' }, seconds: 61 });
    await expect(watched({ time: MINUTE, gone: (at) => at > 59_500 })).rejects.toThrow('gone');
  });

  test('for half a minute ends the watch', async () => {
    await expect(watched({ time: 5 * MINUTE, gone: (at) => at > MINUTE && at < MINUTE + 40 * SECOND })).rejects.toThrow('gone');
  });
});

test('a check that fails takes it back; one that cannot be made leaves it open', async () => {
  // The clock stands still for the network, so nothing ever answers: the release has no address to be asked at.
  const probe = (target: Probe['target']): Probe => ({ name: 'orders', target, interval: SECOND, timeout: SECOND, failures: 3, errors: 2 });
  const failed = await watched({ time: MINUTE, terms: { probes: [probe({ type: 'http', url: '/health/orders' })] } });
  expect(failed.end).toEqual({ kind: 'failed', problems: ['rB: orders: no instance can be reached (3 bad answers since the last good one)'] });
  expect(failed.seconds).toBeLessThan(6);
  const open = await watched({ time: 10 * SECOND, terms: { probes: [probe({ type: 'prometheus', url: 'http://127.0.0.1:1', query: 'up', bound: 'above', limit: 0, token: 'NOT_SET' })] } });
  expect(open.end).toMatchObject({ kind: 'unknown', problems: [expect.stringMatching(/^orders: the variable NOT_SET is not set \(could not be asked \d+ times in a row\)$/)] });
});

test('the time before the change is asked for only where something compares with it', () => {
  const order = (ms: number) => ({ ms, attached: false, rollbackHooks: { before: [], after: [] }, terms: defaultTerms(undefined) });
  const rolling = { type: 'rolling', batch: 25 } as const;
  expect(baselineWanted({ strategy: rolling })).toBeUndefined();
  expect(baselineWanted({ strategy: rolling, watch: order(30 * SECOND) })).toBeUndefined();
  expect(baselineWanted({ strategy: rolling, watch: order(15 * MINUTE) })).toEqual({ window: 10 * MINUTE, minimum: 20 });
  const analyse: Analysis = { rules: [{ metric: 'latencyP99', below: 1.5, of: 'baseline' }, { metric: 'errorRate', below: 0.05, of: 'absolute' }], minimum: 50, inconclusive: 'stop', baseline: 5 * MINUTE };
  const blueGreen = { type: 'blue-green', smoke: [], soak: MINUTE, keepWarm: 0, analyse } as const;
  expect(baselineWanted({ strategy: blueGreen })).toEqual({ window: 5 * MINUTE, minimum: 100 });
  expect(baselineWanted({ strategy: blueGreen, watch: order(15 * MINUTE) })).toEqual({ window: 10 * MINUTE, minimum: 100 });
});
