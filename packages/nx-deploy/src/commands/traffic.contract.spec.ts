import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startLoad, type LoadReport } from '../../../../tools/load/launch.js';
import { maintenance, pause, resume } from './closure.js';
import { folderOf } from './tasks.spec-support.js';
import { deployFile, eventually, Recorder, Workbench } from './workbench.spec-support.js';

const RATE = 100;
/** Requests of each kind end well before. */
const DRAIN = '20s';

let bench: Workbench;
beforeEach(async () => {
  bench = await Workbench.open();
  await bench.start();
});
afterEach(() => bench.close());

function fileWith(strategy: object): object {
  return deployFile({ drain: DRAIN, watch: '0s', strategy, environments: { staging: { instances: 2 } } });
}

/** Two instances of version 1 that have the traffic. */
async function deployed(strategy: object): Promise<{ readonly release: string; readonly url: string }> {
  await bench.project(fileWith(strategy));
  const { document: { outcome, release = '', url = '' }, output } = await bench.deploy();
  expect([outcome, output.errors]).toEqual(['done', []]);
  return { release, url };
}

async function next(version: string): Promise<string> {
  await bench.build(version);
  const ran = await bench.deploy();
  expect([ran.document.outcome, ran.output.errors]).toEqual(['done', []]);
  return ran.document.release ?? '';
}

async function underLoad(url: string, work: () => Promise<void>): Promise<LoadReport> {
  const load = await startLoad({ url, rate: RATE, events: { count: 5, interval: 100 }, messages: { count: 5, interval: 100 }, slowMs: 500 });
  try {
    await work();
    const report = await load.stop();
    if (report.failures > 0) throw new Error(`${report.failures} requests failed: ${JSON.stringify(report, undefined, 2)}`);
    return report;
  } finally {
    await load.stop();
  }
}

async function anotherAgent(): Promise<void> {
  await bench.agent?.stop(false);
  await bench.start();
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => { setTimeout(resolve, ms); });

describe('a warm release', () => {
  const KEPT = 4_000;
  const strategy = { type: 'blue-green', keepWarm: '4s', soak: '0s', smoke: [] };

  test('has the traffic back at once, and is ended when its time is over; no request fails', async () => {
    const { release: first, url } = await deployed({ ...strategy, keepWarm: '60s' });
    let took = 0;
    const report = await underLoad(url, async () => {
      const second = await next('2');
      const { fleet } = await bench.status();
      expect(fleet[first]).toMatchObject({ weight: 0, processes: { web: { running: 2, ready: 2 } }, until: expect.any(String) });
      await bench.write('apps/api/deploy.json', fileWith(strategy));
      const back = await bench.rollback();
      expect([back.document.outcome, back.document.release]).toEqual(['done', first]);
      took = back.document.stages.walk ?? Infinity;
      const after = await bench.status();
      expect(after.fleet[first]).toMatchObject({ weight: 100 });
      expect(after.fleet[first]).not.toHaveProperty('until');
      const until = Date.parse(after.fleet[second]?.until ?? '');
      expect(until - Date.now()).toBeLessThanOrEqual(KEPT);
      await eventually(async () => (await bench.status()).fleet[second] === undefined, 'the release that was rolled away to end', 15_000);
      expect(Date.now()).toBeGreaterThanOrEqual(until);
      expect((await bench.status()).instances.map(({ release }) => release)).toEqual([first, first]);
      expect(JSON.parse(await readFile(join(folderOf(bench), 'service.json'), 'utf8'))).toMatchObject({ warm: {}, weights: { [first]: 100 } });
    });
    expect(took).toBeLessThan(500);
    process.stdout.write(`rollback to a warm release: walk of ${took} ms; ${report.sent} requests, ${report.failures} failed, longest gap ${Math.round(report.longestGapMs)} ms\n`);
  }, 60_000);

  test('is found again by another agent, and ended by that', async () => {
    const { release: first } = await deployed({ ...strategy, keepWarm: '6s' });
    await next('2');
    const { fleet } = await bench.status();
    await anotherAgent();
    expect((await bench.status()).fleet[first]?.until).toBe(fleet[first]?.until);
    expect(fleet[first]?.until).toBeDefined();
    await eventually(async () => (await bench.status()).fleet[first] === undefined, 'it to be ended');
  }, 60_000);
});

describe('a pause', () => {
  test('of two seconds fails no request: they wait', async () => {
    const { url } = await deployed({ type: 'rolling' });
    const report = await underLoad(url, async () => {
      await sleep(500);
      expect(await pause(bench.context(), { wait: '10s' })).toMatchObject({ exitCode: 0 });
      const sent = performance.now();
      const waiting = fetch(`${url}/version`).then(async (response) => ({ status: response.status, ms: performance.now() - sent, body: await response.text() }));
      expect((await bench.status()).closed).toMatchObject({ type: 'paused' });
      await sleep(2_000);
      expect(await resume(bench.context(), {})).toMatchObject({ exitCode: 0, document: { before: { type: 'paused' } } });
      const { status, ms } = await waiting;
      expect(status).toBe(200);
      expect(ms).toBeGreaterThan(1_990);
      await sleep(500);
    });
    expect(report.longestGapMs).toBeGreaterThan(1_500);
    process.stdout.write(`pause of 2 s: ${report.sent} requests, ${report.failures} failed, longest gap ${Math.round(report.longestGapMs)} ms\n`);
  }, 60_000);
});

describe('a maintenance', () => {
  const ways = [['GET', '/version'], ['GET', '/nothing/here?a=1'], ['POST', '/digest'], ['GET', '/health'], ['DELETE', '/']] as const;

  async function answers(url: string): Promise<readonly (readonly [status: number, body: string, retryAfter: string | null])[]> {
    return Promise.all(ways.map(async ([method, path]) => {
      const response = await fetch(`${url}${path}`, { method, headers: { connection: 'close' }, ...(method === 'POST' ? { body: 'x'.repeat(100_000) } : {}) });
      return [response.status, await response.text(), response.headers.get('retry-after')] as const;
    }));
  }

  test('answers everything with 503 and the page and nothing else, over a deploy and another agent, until it is ended', async () => {
    const { url } = await deployed({ type: 'rolling' });
    await bench.write('apps/api/closed.html', '<p>closed</p>');
    const output = new Recorder();
    expect(await maintenance(bench.context({}, output), { page: 'apps/api/closed.html', retryAfter: '90s' })).toMatchObject({ exitCode: 0 });
    expect(output.text).toContain('end it    nx run api:resume --configuration=staging');
    await bench.write('apps/api/closed.html', 'changed since');
    const closed = ways.map(() => [503, '<p>closed</p>', '90']);
    expect(await answers(url)).toEqual(closed);
    for (const change of [anotherAgent, () => next('2'), anotherAgent]) {
      await change();
      expect(await answers(url)).toEqual(closed);
    }
    expect((await bench.status()).closed).toMatchObject({ type: 'maintenance' });
    expect(await resume(bench.context(), {})).toMatchObject({ exitCode: 0, document: { outcome: 'done' } });
    const response = await fetch(`${url}/version`);
    expect([response.status, await response.json()]).toMatchObject([200, { version: '2' }]);
    expect(await bench.status()).not.toHaveProperty('closed');
  }, 60_000);
});
