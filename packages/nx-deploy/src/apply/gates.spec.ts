import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { DeployEvent, Gate, Metrics, Rule } from '../model/index.js';
import { apply } from './apply.js';
import { FakePlatform, fleet, releaseNamed } from './fake-platform.spec-support.js';
import { unsupportedGates } from './gates.js';
import type { ApplyResult } from './request.js';

const A1 = fleet({ rA: [1, 100] });
const B1 = fleet({ rB: [1, 100] });

function metrics(requests: number, errors: number, p95: number): Metrics {
  return { requests, errors, latency: { p50: p95 / 2, p95, p99: p95 * 2 } };
}

async function pass(gates: readonly Gate[], setUp: (platform: FakePlatform) => void, signal = new AbortController().signal): Promise<{ result: ApplyResult; notes: string[]; journal: string[]; events: DeployEvent[] }> {
  const platform = new FakePlatform(A1);
  setUp(platform);
  const events: DeployEvent[] = [];
  const journal: string[] = [];
  const result = await apply({
    platform, signal,
    plan: { from: A1, to: B1, steps: [{ reach: B1, then: gates }] },
    releases: new Map(['rA', 'rB'].map((id) => [id, releaseNamed(id)])),
    journal: async ({ kind, key }) => { journal.push(`${kind} ${key}`); },
    emit: (event) => events.push(event),
    deadlines: { readyTimeout: () => 1_000, whole: 3_000 },
  });
  return { result, journal, events, notes: events.flatMap((event) => (event.type === 'note' ? [event.text] : [])) };
}

describe('smoke', () => {
  let server: Server;
  const asked: string[] = [];

  beforeAll(async () => {
    server = createServer(({ url = '' }, response) => {
      asked.push(url);
      if (url === '/hang') return;
      if (url === '/reset') { response.destroy(); return; }
      response.writeHead(url === '/moved' ? 302 : url === '/bad' ? 500 : 200, { location: '/' }).end('x'.repeat(70_000));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });

  afterAll(() => new Promise((resolve) => {
    server.close(resolve);
    server.closeAllConnections();
  }));

  const here = (host = '127.0.0.1') => (platform: FakePlatform) => { platform.endpoint = { host, port: (server.address() as AddressInfo).port }; };

  test('every check is made against the new release itself; a redirect is an answer of its own', async () => {
    asked.length = 0;
    const { result, journal } = await pass([{ smoke: [{ path: '/health?deep=1', status: 200 }, { path: '/moved', status: 302 }] }], here());
    expect(result).toEqual({ outcome: 'done' });
    expect(asked).toEqual(['/health?deep=1', '/moved']);
    expect(journal).toContain('gate smoke');
  });

  test('all failures are told, and the walk is taken back', async () => {
    const { result } = await pass([{ smoke: [{ path: '/bad', status: 200 }, { path: '/', status: 200 }, { path: '/reset', status: 200 }] }], here());
    expect(result).toMatchObject({
      outcome: 'restored',
      error: { code: 'ND-GATE-FAILED', parts: { what: 'release rB did not pass the smoke gate', problems: ['/bad: status 500, expected 200', expect.stringMatching(/^\/reset: no answer \(/)] } },
    });
  });

  test('an address where nothing listens, and a bracketed IPv6 one', async () => {
    const { result } = await pass([{ smoke: [{ path: '/', status: 200 }] }], (platform) => { platform.endpoint = { host: '::1', port: 9 }; });
    expect(result).toMatchObject({ outcome: 'restored', error: { parts: { problems: [expect.stringMatching(/^\/: no answer \(/)] } } });
  });

  test('an answer that never comes', async () => {
    const { result } = await pass([{ smoke: [{ path: '/hang', status: 200 }] }], here());
    expect(result).toMatchObject({ outcome: 'restored' });
    expect(result).toHaveProperty('error.code', expect.stringMatching(/^ND-(GATE-FAILED|DEADLINE)$/));
  });
});

describe('soak and analysis', () => {
  const worse: readonly Rule[] = [{ metric: 'errorRate', below: 0.05, of: 'absolute' }, { metric: 'latencyP95', below: 1.5, of: 'stable' }];
  const soak: Gate = { soak: 30, analyse: worse };

  function count(a: Metrics, b: Metrics): (platform: FakePlatform) => void {
    return (platform) => { platform.counted.set('rA', a).set('rB', b); };
  }

  test('a soak waits, and a cancel ends it', async () => {
    const started = performance.now();
    expect((await pass([{ soak: 80 }], () => undefined)).result).toEqual({ outcome: 'done' });
    expect(performance.now() - started).toBeGreaterThanOrEqual(75);

    const cancel = new AbortController();
    setTimeout(() => cancel.abort(), 20);
    const cancelled = await pass([{ soak: 2_500 }], () => undefined, cancel.signal);
    expect(cancelled.result).toMatchObject({ outcome: 'restored', error: { code: 'ND-CANCELLED' } });
    expect(cancelled.events).toContainEqual({ type: 'waiting', release: 'rB', for: 'soak of 2.5s' });
    expect(performance.now() - started).toBeLessThan(2_000);
  });

  test('a release within its limits passes', async () => {
    expect(await pass([soak], count(metrics(100, 0, 100), metrics(100, 4, 140)))).toMatchObject({ result: { outcome: 'done' }, notes: [] });
  });

  test('every broken rule is told', async () => {
    const { result } = await pass([soak], count(metrics(100, 0, 100), metrics(100, 5, 150)));
    expect(result).toMatchObject({
      outcome: 'restored',
      error: { code: 'ND-GATE-FAILED', parts: { problems: ['rB: errorRate 5% is not below 5%', 'rB: latencyP95 150ms is not below 150ms (1.5x stable)'] } },
    });
  });

  test.each<[Rule['metric'], boolean]>([['latencyP50', true], ['latencyP99', false]])('%s', async (metric, passes) => {
    const { result } = await pass([{ soak: 1, analyse: [{ metric, below: 100, of: 'absolute' }] }], count(metrics(0, 0, 0), metrics(50, 0, 100)));
    expect(result.outcome).toBe(passes ? 'done' : 'restored');
  });

  test('no errors are never too many, also compared with none', async () => {
    const rule: Rule = { metric: 'errorRate', below: 2, of: 'stable' };
    expect((await pass([{ soak: 1, analyse: [rule] }], count(metrics(50, 0, 1), metrics(50, 0, 1)))).result.outcome).toBe('done');
    expect((await pass([{ soak: 1, analyse: [rule] }], count(metrics(50, 0, 1), metrics(50, 1, 1)))).result.outcome).toBe('restored');
  });

  test('too few requests are inconclusive: told, and passed', async () => {
    const few = await pass([soak], count(metrics(100, 0, 100), metrics(19, 19, 900)));
    expect(few).toMatchObject({ result: { outcome: 'done' }, notes: ['release rB had fewer than 20 requests in 30ms: inconclusive, not analysed'] });
    const alone = await pass([soak], count(metrics(3, 0, 100), metrics(20, 0, 900)));
    expect(alone).toMatchObject({ result: { outcome: 'done' }, notes: ['nothing to compare latencyP95 of release rB with: inconclusive'] });
  });

  test('on a first deploy there is nothing to compare with', async () => {
    const platform = new FakePlatform();
    platform.counted.set('rB', metrics(50, 0, 900));
    const notes: string[] = [];
    const result = await apply({
      platform, plan: { from: {}, to: B1, steps: [{ reach: B1, then: [soak] }] }, releases: new Map([['rB', releaseNamed('rB')]]),
      journal: async () => undefined, emit: (event) => { if (event.type === 'note') notes.push(event.text); },
      signal: new AbortController().signal, deadlines: { readyTimeout: () => 1_000, whole: 3_000 },
    });
    expect(result).toEqual({ outcome: 'done' });
    expect(notes).toEqual(['nothing to compare latencyP95 of release rB with: inconclusive']);
    expect(platform.calls.filter((call) => call.startsWith('metrics'))).toEqual(['metrics rB']);
  });
});

describe('unsupportedGates', () => {
  const plain = { name: 'plain' };

  test('nothing to say about gates that every platform has', () => {
    expect(unsupportedGates([{ reach: {} }, { reach: B1, then: [{ soak: 5 }, { soak: 5, analyse: [] }, { smoke: [] }] }], plain)).toBeUndefined();
  });

  test('what is missing is named, with what to do instead', () => {
    const rule: Rule = { metric: 'errorRate', below: 1, of: 'absolute' };
    expect(unsupportedGates([{ reach: B1, then: [{ approve: 'ops' }] }], plain)).toMatchObject({ code: 'ND-APPROVAL-UNSUPPORTED', parts: { where: 'ops' } });
    expect(unsupportedGates([{ reach: B1, then: [{ soak: 5, analyse: [rule] }] }], plain))
      .toMatchObject({ code: 'ND-ABILITY-MISSING', parts: { what: 'the platform plain cannot count requests, errors and latency per release' } });
    expect(unsupportedGates([{ native: 'canary', release: 'rB', desired: B1 }], { ...plain, native: {} }))
      .toMatchObject({ code: 'ND-ABILITY-MISSING', parts: { what: 'the platform plain cannot do canary by itself' } });
  });

  test('analysis where the platform counts, a native walk where it has one', () => {
    const rule: Rule = { metric: 'errorRate', below: 1, of: 'absolute' };
    const able = { name: 'able', metrics: async () => metrics(0, 0, 0), native: { canary: async () => undefined } };
    expect(unsupportedGates([{ reach: B1, then: [{ soak: 5, analyse: [rule] }] }, { native: 'canary', release: 'rB', desired: B1 }], able)).toBeUndefined();
  });
});
