import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Analysis, DeployEvent, Gate, Metrics, Observed, Probe } from '../model/index.js';
import { apply } from './apply.js';
import { counted, FakePlatform, fleet, releaseNamed } from './fake-platform.spec-support.js';
import type { ApplyResult } from './request.js';

const A4 = fleet({ rA: [4, 100] });
const MIX = fleet({ rA: [4, 90], rB: [1, 10] });
const B4 = fleet({ rB: [4, 100] });

const GOOD: Metrics = counted(1_000, 0);

function analysis(parts: Partial<Analysis> = {}): Analysis {
  return { rules: [{ metric: 'errorRate', below: 0.05, of: 'absolute' }, { metric: 'latencyP95', below: 1.5, of: 'stable' }], minimum: 20, inconclusive: 'stop', ...parts };
}

interface Soaked {
  readonly result: ApplyResult;
  readonly notes: readonly string[];
  readonly ms: number;
  readonly platform: FakePlatform;
}

/** A canary at 10 percent soaks by this gate; `meanwhile` is called before each look at the fleet. */
async function soaked(gate: Gate, setUp: (platform: FakePlatform) => void, meanwhile: (platform: FakePlatform, observed: Observed) => Observed = (_platform, observed) => observed, whole = 5_000, baseline?: Metrics): Promise<Soaked> {
  const platform = new FakePlatform(A4);
  platform.counted.set('rA', GOOD).set('rB', GOOD);
  setUp(platform);
  const list = platform.list.bind(platform);
  platform.list = async () => meanwhile(platform, await list());
  const events: DeployEvent[] = [];
  const started = performance.now();
  const result = await apply({
    platform, plan: { from: A4, to: B4, steps: [{ reach: MIX, then: [gate] }, { reach: B4 }] },
    releases: new Map(['rA', 'rB'].map((id) => [id, releaseNamed(id)])),
    journal: async () => undefined, emit: (event) => events.push(event),
    signal: new AbortController().signal, deadlines: { readyTimeout: () => 1_000, whole }, ...(baseline === undefined ? {} : { baseline }),
  });
  return { result, platform, ms: performance.now() - started, notes: events.flatMap((event) => (event.type === 'note' ? [event.text] : [])) };
}

function problemsOf({ result }: Soaked): readonly string[] {
  return 'error' in result ? result.error.parts.problems ?? [] : [];
}

test('a good release passes, after the whole of the soak', async () => {
  const passed = await soaked({ soak: 150, analyse: analysis() }, () => undefined);
  expect(passed.result).toEqual({ outcome: 'done' });
  expect(passed.ms).toBeGreaterThanOrEqual(145);
  expect(passed.platform.observed()).toMatchObject({ rB: { weight: 100 } });
});

test('errors end a long soak early, and the reason has the figures', async () => {
  const failed = await soaked({ soak: 4_000, analyse: analysis() }, (platform) => platform.counted.set('rB', { ...GOOD, errors: 300 }));
  expect(failed.result).toMatchObject({ outcome: 'restored', error: { code: 'ND-GATE-FAILED' } });
  expect(problemsOf(failed)).toEqual(['rB: errorRate 30% (300 of 1000 requests) is not below 5%']);
  expect(failed.ms).toBeLessThan(3_500);
  expect(failed.platform.observed()).toEqual({ rA: expect.objectContaining({ weight: 100 }) });
});

test('slower than the stable release in the same window', async () => {
  const failed = await soaked({ soak: 100, analyse: analysis() }, (platform) => platform.counted.set('rB', counted(1_000, 0, { p50: 1_000, p95: 2_000, p99: 2_000 })));
  expect(problemsOf(failed)).toEqual(['rB: latencyP95 2.0s (1000 requests) is not below 15ms (1.5x stable)']);
});

test('one bad look among good ones is nothing yet', async () => {
  let looks = 0;
  const passed = await soaked({ soak: 600, analyse: analysis() }, (platform) => {
    const metrics = platform.metrics.bind(platform);
    platform.metrics = async (id) => {
      // Each look asks twice, for what was counted and for what was ejected; the last one counts by itself, so it must not be that.
      if (id === 'rB') looks += 1;
      return id === 'rB' && looks === 2 ? { ...GOOD, errors: 999 } : metrics(id);
    };
  });
  expect(looks).toBeGreaterThan(6);
  expect(passed.result).toEqual({ outcome: 'done' });
});

describe('without any rule', () => {
  test('an instance that ends by itself fails the soak', async () => {
    let looks = 0;
    const failed = await soaked({ soak: 4_000 }, () => undefined, (_platform, observed) => {
      if (observed['rB'] === undefined) return observed;
      looks += 1;
      return { ...observed, rB: { ...observed['rB'], crashes: looks > 6 ? 2 : 0 } };
    });
    expect(failed.result).toMatchObject({ outcome: 'restored', error: { code: 'ND-GATE-FAILED' } });
    expect(problemsOf(failed)).toEqual([expect.stringMatching(/^rB: its instances ended by themselves, 2 times in /)]);
    expect(failed.ms).toBeLessThan(3_000);
  });

  test('what ended before the soak counts for nothing', async () => {
    const passed = await soaked({ soak: 50 }, () => undefined, (_platform, observed) =>
      (observed['rB'] === undefined ? observed : { ...observed, rB: { ...observed['rB'], crashes: 7 } }));
    expect(passed.result).toEqual({ outcome: 'done' });
  });

  test('a release whose instances all hang fails it', async () => {
    let looks = 0;
    const failed = await soaked({ soak: 4_000 }, () => undefined, (_platform, observed) => {
      if (observed['rB'] === undefined) return observed;
      looks += 1;
      return { ...observed, rB: { ...observed['rB'], processes: { web: { running: 1, ready: looks > 6 ? 0 : 1, draining: 0 } } } };
    });
    expect(problemsOf(failed)).toEqual(['rB: 1 of 1 web instances are not ready']);
  });

  test('requests that had to go to another release fail it', async () => {
    const failed = await soaked({ soak: 4_000 }, (platform) => platform.counted.set('rB', { ...GOOD, ejected: 12 }));
    expect(problemsOf(failed)).toEqual(['rB: none of its instances took a connection, 12 requests went to another release']);
    expect(failed.ms).toBeLessThan(2_000);
  });

  test('a soak of nothing takes no time', async () => {
    const passed = await soaked({ soak: 0 }, (platform) => platform.counted.set('rB', { ...GOOD, ejected: 12 }));
    expect(passed.result).toEqual({ outcome: 'done' });
    expect(passed.platform.calls.filter((call) => call.startsWith('metrics'))).toEqual([]);
  });
});

describe('inconclusive', () => {
  const few = (platform: FakePlatform): void => { platform.counted.set('rB', { ...GOOD, requests: 3 }); };

  test('goes on for as long again, then takes the change back: it never passes', async () => {
    const failed = await soaked({ soak: 100, analyse: analysis() }, few);
    expect(failed.result).toMatchObject({ outcome: 'restored', error: { code: 'ND-GATE-INCONCLUSIVE', parts: { problems: ['rB: errorRate: 3 requests, 20 needed', 'rB: latencyP95: 3 requests, 20 needed'] } } });
    expect(failed.ms).toBeGreaterThanOrEqual(195);
    expect(failed.notes[0]).toBe('inconclusive, the soak goes on for as long again: rB: errorRate: 3 requests, 20 needed');
  });

  test('asks a person where that is wanted', async () => {
    const asked = await soaked({ soak: 50, analyse: analysis({ inconclusive: 'ask' }) }, few);
    expect(asked.result).toMatchObject({ outcome: 'paused', gate: expect.stringContaining('too little is known, go on? rB: errorRate: 3 requests, 20 needed'), steps: [{ reach: MIX, then: [] }, { reach: B4 }] });
    expect(asked.platform.observed()).toMatchObject({ rB: { weight: 10 } });
  });

  test('is not repeated into the deadline: the answer comes before it', async () => {
    const asked = await soaked({ soak: 400, analyse: analysis({ inconclusive: 'ask' }) }, few, undefined, 700);
    expect(asked.result).toMatchObject({ outcome: 'paused', gate: expect.stringContaining('3 requests, 20 needed') });
    const stopped = await soaked({ soak: 400, analyse: analysis() }, few, undefined, 700);
    expect(stopped.result).toMatchObject({ outcome: 'restored', error: { code: 'ND-GATE-INCONCLUSIVE' } });
  });

  test('enough in the second half is enough', async () => {
    const started = performance.now();
    const passed = await soaked({ soak: 150, analyse: analysis() }, (platform) => {
      platform.metrics = async () => (performance.now() - started > 200 ? GOOD : { ...GOOD, requests: 1 });
    });
    expect(passed.result).toEqual({ outcome: 'done' });
  });

  test('where the stable release has no traffic any more, rules against it do not apply', async () => {
    const platform = new FakePlatform(A4);
    platform.counted.set('rA', { ...GOOD, requests: 0 }).set('rB', counted(1_000, 0, { p50: 900, p95: 900, p99: 900 }));
    const kept = fleet({ rA: [4, 0], rB: [4, 100] });
    const result = await apply({
      platform, plan: { from: A4, to: B4, steps: [{ reach: kept, then: [{ soak: 30, analyse: analysis() }] }, { reach: B4 }] },
      releases: new Map(['rA', 'rB'].map((id) => [id, releaseNamed(id)])), journal: async () => undefined, emit: () => undefined,
      signal: new AbortController().signal, deadlines: { readyTimeout: () => 1_000, whole: 5_000 },
    });
    expect(result).toEqual({ outcome: 'done' });
  });
});

describe('beside what the router counts', () => {
  const often = { interval: 20, timeout: 1_000, failures: 3, errors: 2 };
  const path: Probe = { name: 'orders', target: { type: 'http', url: '/orders' }, ...often };
  const silent: Probe = { name: 'lag', target: { type: 'prometheus', url: 'http://prometheus.invalid', query: 'up', bound: 'above', limit: 0, token: 'NOT_SET' }, ...often };
  let server: Server;
  let status = 200;
  beforeAll(async () => {
    server = createServer((_request, response) => { response.writeHead(status).end(); });
    await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  });
  afterAll(() => new Promise((resolve) => { server.close(resolve); }));
  const reachable = (platform: FakePlatform): void => { platform.endpoint = { host: '127.0.0.1', port: (server.address() as AddressInfo).port }; };

  test('a check of the release decides with', async () => {
    status = 200;
    const passed = await soaked({ soak: 300, analyse: analysis({ rules: [], probes: [path] }) }, reachable);
    expect(passed.result).toEqual({ outcome: 'done' });
    status = 503;
    const failed = await soaked({ soak: 4_000, analyse: analysis({ probes: [path] }) }, reachable);
    expect(failed.result).toMatchObject({ outcome: 'restored', error: { code: 'ND-GATE-FAILED' } });
    expect(problemsOf(failed)).toEqual([expect.stringMatching(/^rB: orders: HTTP 503 \(\d+ bad answers since the last good one\)$/)]);
    expect(failed.ms).toBeLessThan(3_000);
  });

  test('one that cannot be asked is no verdict, and never a pass', async () => {
    const open = await soaked({ soak: 200, analyse: analysis({ rules: [], probes: [silent] }) }, () => undefined);
    expect(open.result).toMatchObject({ outcome: 'restored', error: { code: 'ND-GATE-INCONCLUSIVE' } });
    expect(problemsOf(open)).toEqual([expect.stringMatching(/^rB: lag: the variable NOT_SET is not set \(could not be asked \d+ times in a row\)$/)]);
    const asked = await soaked({ soak: 200, analyse: analysis({ rules: [], probes: [silent], inconclusive: 'ask' }) }, () => undefined);
    expect(asked.result).toMatchObject({ outcome: 'paused', gate: expect.stringContaining('lag: the variable NOT_SET is not set') });
  });

  test('what was before the change is compared with, and is inconclusive where nothing is known of it', async () => {
    const before = analysis({ rules: [{ metric: 'latencyP95', below: 1.5, of: 'baseline' }] });
    const slow = (platform: FakePlatform): void => { platform.counted.set('rA', counted(1_000, 0, { p50: 900, p95: 900, p99: 900 })).set('rB', counted(1_000, 0, { p50: 900, p95: 900, p99: 900 })); };
    const failed = await soaked({ soak: 100, analyse: before }, slow, undefined, undefined, GOOD);
    expect(problemsOf(failed)).toEqual(['rB: latencyP95 900ms (1000 requests) is not below 15ms (1.5x baseline)']);
    const open = await soaked({ soak: 100, analyse: before }, slow);
    expect(open.result).toMatchObject({ error: { code: 'ND-GATE-INCONCLUSIVE', parts: { problems: ['rB: latencyP95: nothing is known of the time before the change'] } } });
  });
});
