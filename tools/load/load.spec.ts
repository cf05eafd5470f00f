import { setTimeout as delay } from 'node:timers/promises';
import { faulty, good, loaded, type Faulty } from './faulty.spec-support.js';
import { Load } from './load.js';
import { DEFAULT_MIX, turns } from './mix.js';
import { KINDS } from './report.js';
import { percentile } from './tally.js';

let server: Faulty | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

describe('the mix', () => {
  const taken = (mix: Parameters<typeof turns>[0], count: number): string[] => {
    const kinds = turns(mix);
    return Array.from({ length: count }, () => kinds.next().value);
  };

  it('holds its shares in every 100 requests, evenly spread', () => {
    const kinds = taken(DEFAULT_MIX, 300);
    for (const start of [0, 100, 200]) {
      const part = kinds.slice(start, start + 100);
      expect(Object.fromEntries(KINDS.map((kind) => [kind, part.filter((taken) => taken === kind).length]))).toEqual(DEFAULT_MIX);
    }
    expect(kinds.slice(0, 60)).toEqual(expect.arrayContaining([...KINDS]));
  });

  it('leaves out what has no share', () => {
    expect(taken({ get: 1, post: 1, slow: 0 }, 4).sort()).toEqual(['get', 'get', 'post', 'post']);
  });

  it('is refused when it is empty', () => {
    expect(() => new Load({ url: 'http://127.0.0.1:1', mix: {} })).toThrow('names no kind');
  });
});

it.each([0, -1, Number.NaN, 10_001])('refuses a rate of %d', (rate) => {
  expect(() => new Load({ url: 'http://127.0.0.1:1', rate })).toThrow('the rate must be above 0');
});

it('finds percentiles by the nearest rank', () => {
  const hundred = Array.from({ length: 100 }, (_value, index) => index + 1);
  expect([50, 95, 99, 100].map((percent) => percentile(hundred, percent))).toEqual([50, 95, 99, 100]);
  expect(percentile([7], 1)).toBe(7);
  expect(percentile([], 50)).toBe(0);
});

describe('the rate', () => {
  it('is held', async () => {
    server = await faulty(good);
    const report = await loaded(server.url, 'get', { rate: 200 }, 1000);
    expect(report.sent / (report.durationMs / 1000)).toBeGreaterThan(190);
    expect(report.sent / (report.durationMs / 1000)).toBeLessThan(210);
    expect(report).toMatchObject({ ok: report.sent, failures: 0, retried: 0, releases: { r1: report.sent }, firstFailures: [], rate: 200, url: server.url });
    expect(report.longestGapMs).toBeLessThan(300 + report.lagMs);
  });

  it('is held while no answers come, and the wait is in the latency', async () => {
    let stalled = true;
    const waiting: (() => void)[] = [];
    server = await faulty((request, response) => (stalled ? void waiting.push(() => good(request, response)) : good(request, response)));
    const load = new Load({ url: server.url, rate: 100, mix: { get: 1 } });
    await delay(500);
    stalled = false;
    const held = waiting.length;
    for (const answer of waiting) answer();
    await delay(500);
    const report = await load.stop();
    expect(held).toBeGreaterThan(40);
    expect(report.failures).toBe(0);
    expect(report.latency.max).toBeGreaterThan(450);
    expect(report.latency.p50).toBeGreaterThan(5);
    expect(report.longestGapMs).toBeGreaterThan(450);
    expect(report.longestGapMs).toBeLessThan(700 + report.lagMs);
  });

  it('counts a stall of its own process in latency and lag', async () => {
    server = await faulty(good);
    const load = new Load({ url: server.url, rate: 100, mix: { fresh: 1 } });
    await delay(200);
    const until = performance.now() + 300;
    while (performance.now() < until);
    await delay(200);
    const report = await load.stop();
    expect(report.lagMs).toBeGreaterThan(200);
    expect(report.latency.max).toBeGreaterThan(250);
    expect(report.sent).toBeGreaterThan(60);
    expect(report.failures).toBe(0);
  });

  it('ends after durationMs', async () => {
    server = await faulty(good);
    const report = await loaded(server.url, 'get', { durationMs: 150 }, 500);
    expect(report.durationMs).toBeGreaterThanOrEqual(145);
    expect(report.durationMs).toBeLessThan(400);
    expect(report.sent).toBeLessThan(20);
  });
});

describe('stop', () => {
  it('lets what is in flight finish', async () => {
    server = await faulty((_request, response) => void setTimeout(() => response.end('{"waited":300}'), 300));
    const report = await loaded(server.url, 'slow', { slowMs: 300 });
    expect(report).toMatchObject({ failures: 0, longestGapMs: 0 });
    expect(report.kinds.slow.ok).toBeGreaterThan(2);
  });

  it('gives up what is still open after drainMs', async () => {
    server = await faulty((_request, response) => void response.writeHead(200, { 'x-release': 'r9' }).write('{'));
    const begin = performance.now();
    const report = await loaded(server.url, 'get', { timeoutMs: 60_000, drainMs: 200 });
    expect(performance.now() - begin).toBeLessThan(1500);
    expect(report.kinds.get.cut).toBe(report.sent);
    expect(report.firstFailures[0]).toMatchObject({ message: 'still open 200 ms after the last request was sent', release: 'r9' });
  });

  it('gives the same report again', async () => {
    server = await faulty(good);
    const load = new Load({ url: server.url, rate: 50, mix: { get: 1 } });
    await delay(50);
    expect(await load.stop()).toBe(await load.stop());
  });
});

it('lists the first ten failures only, and counts all', async () => {
  server = await faulty((_request, response) => void response.writeHead(500).end());
  const report = await loaded(server.url, 'get', { rate: 100 }, 300);
  expect(report.failures).toBeGreaterThan(15);
  expect(report.firstFailures).toHaveLength(10);
  expect(report.longestGapMs).toBeCloseTo(report.durationMs, 0);
});

it('asks by the host name that it is given', async () => {
  const hosts = new Set<string | undefined>();
  server = await faulty((request, response) => {
    hosts.add(request.headers.host);
    good(request, response);
  }, (client, request) => {
    hosts.add(request.headers.host);
    client.on('message', (data: Buffer) => client.send(JSON.stringify({ sequence: 1, echo: JSON.parse(data.toString()) as unknown })));
  });
  const load = new Load({ url: server.url, rate: 50, host: 'api.example.test', mix: { get: 1, fresh: 1, socket: 1 }, messages: { count: 1, interval: 1 } });
  await delay(150);
  expect((await load.stop()).failures).toBe(0);
  expect([...hosts]).toEqual(['api.example.test']);
});
