import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Analysis, DeployEvent, Gate, Metrics, Rule } from '../model/index.js';
import { apply } from './apply.js';
import { counted, FakePlatform, fleet, releaseNamed } from './fake-platform.spec-support.js';
import { unsupportedGates } from './gates.js';
import type { ApplyResult } from './request.js';

const A1 = fleet({ rA: [1, 100] });
const B1 = fleet({ rB: [1, 100] });

function metrics(requests: number, errors: number, p95: number): Metrics {
  return counted(requests, errors, { p50: p95 / 2, p95, p99: p95 * 2 });
}

function analysis(rules: readonly Rule[]): Analysis {
  return { rules, minimum: 20, inconclusive: 'stop' };
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

describe('approval', () => {
  test('ends the walk where it is; what is left of it is told, without the gates that were passed', async () => {
    const platform = new FakePlatform(A1);
    const half = fleet({ rA: [1, 50], rB: [1, 50] });
    const steps = [{ reach: half, then: [{ soak: 1 }, { approve: 'look at it', expires: 60_000 }, { soak: 2 }] }, { reach: B1 }] as const;
    const journal: string[] = [];
    const result = await apply({
      platform, signal: new AbortController().signal, plan: { from: A1, to: B1, steps },
      releases: new Map(['rA', 'rB'].map((id) => [id, releaseNamed(id)])),
      journal: async ({ kind, key }) => { journal.push(`${kind} ${key}`); },
      emit: () => undefined, afterWalk: () => Promise.reject(new Error('not yet')),
      deadlines: { readyTimeout: () => 1_000, whole: 3_000 },
    });
    expect(result).toEqual({ outcome: 'paused', gate: 'look at it', expires: 60_000, steps: [{ reach: half, then: [{ soak: 2 }] }, { reach: B1 }] });
    expect(platform.observed()).toMatchObject({ rA: { weight: 50 }, rB: { weight: 50 } });
    expect(journal.filter((line) => line.startsWith('commit'))).toEqual([]);
  });
});

describe('unsupportedGates', () => {
  const plain = { name: 'plain' };

  test('nothing to say about gates that every platform has', () => {
    expect(unsupportedGates([{ reach: {} }, { reach: B1, then: [{ soak: 5 }, { soak: 5, analyse: analysis([]) }, { smoke: [] }] }], plain)).toBeUndefined();
  });

  test('what is missing is named, with what to do instead', () => {
    const rule: Rule = { metric: 'errorRate', below: 1, of: 'absolute' };
    expect(unsupportedGates([{ reach: B1, then: [{ approve: 'ops', expires: 1 }] }], plain)).toBeUndefined();
    expect(unsupportedGates([{ reach: B1, then: [{ soak: 5, analyse: analysis([rule]) }] }], plain))
      .toMatchObject({ code: 'ND-ABILITY-MISSING', parts: { what: 'the platform plain cannot count requests, errors and latency per release' } });
    expect(unsupportedGates([{ native: 'canary', release: 'rB', desired: B1 }], { ...plain, native: {} }))
      .toMatchObject({ code: 'ND-ABILITY-MISSING', parts: { what: 'the platform plain cannot do canary by itself' } });
  });

  test('analysis where the platform counts, a native walk where it has one', () => {
    const rule: Rule = { metric: 'errorRate', below: 1, of: 'absolute' };
    const able = { name: 'able', metrics: async () => metrics(0, 0, 0), native: { canary: async () => undefined } };
    expect(unsupportedGates([{ reach: B1, then: [{ soak: 5, analyse: analysis([rule]) }] }, { native: 'canary', release: 'rB', desired: B1 }], able)).toBeUndefined();
  });
});
