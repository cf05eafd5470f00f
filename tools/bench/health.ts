/** The health endpoint against a bare handler and its peers, and what a run of many checks costs beside its requests. */
import { Agent, createServer, get } from 'node:http';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadHealthFile, runChecks } from 'nx-health';
import { against, median, medianDifference, medianRatio, ms, span } from './figures.js';
import { find, freePort, Running } from './programs.js';
import { table } from './table.js';
import { askAsFastAsPossible } from './wrk.js';

const NAMES = ['node:http, bare', 'node:http, nx-health', 'node:http, nx-health, a check hangs', 'node:http, @godaddy/terminus', 'fastify, bare', 'fastify, nx-health', 'fastify, fastify-healthcheck'] as const;
const CONNECTIONS = 64;
const SECONDS = 3;
const STEADY_RATE = 1_000;
const TARGETS = 500;
/** As many as runChecks has under way. */
const AT_ONCE = 64;

interface Series {
  readonly name: string;
  readonly rate: number[];
  readonly p50: number[];
  readonly p99: number[];
  failed: number;
}

export async function benchHealth(runs: number, print: (text: string) => void): Promise<void> {
  await benchEndpoint(runs, print);
  await benchChecks(runs, print);
}

async function benchEndpoint(runs: number, print: (text: string) => void): Promise<void> {
  print('\n== Health endpoint: one process each, the same client ==\n');
  if (find('wrk') === undefined) print('requests/s not measured: wrk is not installed (apt-get install wrk)');
  const all: Series[] = NAMES.map((name) => ({ name, rate: [], p50: [], p99: [], failed: 0 }));
  const running = new Map<Series, Running>();
  try {
    for (const each of all) {
      const port = await freePort();
      running.set(each, await Running.start([process.execPath, join(__dirname, 'health-servers.js'), each.name, String(port)], `http://127.0.0.1:${port}/health`));
    }
    for (let index = 0; index < runs; index += 1) {
      for (const each of rotated(all, index)) await measure(each, running.get(each)?.url ?? '');
    }
  } finally {
    for (const server of running.values()) await server.stop();
  }
  report(all, runs, print);
}

/** Everyone's turn comes at another place of the run, so that a drift of the machine favours nobody. */
function rotated<T>(all: readonly T[], by: number): readonly T[] {
  const start = by % all.length;
  return [...all.slice(start), ...all.slice(0, start)];
}

async function measure(into: Series, url: string): Promise<void> {
  if (find('wrk') !== undefined) {
    const { rate, failed } = await askAsFastAsPossible(url, { connections: CONNECTIONS, seconds: SECONDS });
    into.rate.push(rate);
    into.failed += failed;
  }
  const { latencies, failed } = await steady(url);
  into.p50.push(at(latencies, 0.5));
  into.p99.push(at(latencies, 0.99));
  into.failed += failed;
}

/** ms from when each request was due to the end of its answer, smallest first. */
async function steady(url: string): Promise<{ readonly latencies: readonly number[]; readonly failed: number }> {
  const agent = new Agent({ keepAlive: true, maxSockets: 100 });
  const latencies: number[] = [];
  const under: Promise<void>[] = [];
  let failed = 0;
  const began = performance.now();
  for (let index = 0; index < STEADY_RATE * SECONDS; index += 1) {
    const due = began + index * (1_000 / STEADY_RATE);
    if (due > performance.now()) await sleep(Math.max(1, due - performance.now()));
    under.push(ask(url, agent).then((good) => { latencies.push(performance.now() - due); failed += good ? 0 : 1; }));
  }
  await Promise.all(under);
  agent.destroy();
  return { latencies: latencies.sort((a, b) => a - b), failed };
}

function ask(url: string, agent?: Agent): Promise<boolean> {
  return new Promise((resolve) => {
    get(url, agent === undefined ? { agent: false } : { agent }, (response) => { response.resume().on('end', () => { resolve(response.statusCode === 200); }); }).on('error', () => { resolve(false); });
  });
}

function at(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

function report(all: readonly Series[], runs: number, print: (text: string) => void): void {
  const whole = (value: number): string => (Number.isFinite(value) ? String(Math.round(value)) : '-');
  const two = (value: number): string => (Number.isFinite(value) ? value.toFixed(2) : '-');
  const bareOf = ({ name }: Series): Series | undefined => all.find((each) => each.name === `${name.split(',')[0] ?? ''}, bare`);
  print(`medians of ${runs} runs; ${CONNECTIONS} kept connections (wrk) for requests/s, ${STEADY_RATE} requests/s for p50 and p99; ratios to the bare handler within each run\n`);
  print(table(['server', 'requests/s', 'of bare', 'p50', 'p99', 'p99 of bare', 'p99, smallest .. largest', 'failed'], all.map((each) => {
    const bare = bareOf(each);
    return [each.name, whole(median(each.rate)), bare === undefined ? '-' : two(medianRatio(each.rate, bare.rate)), ms(median(each.p50)), ms(median(each.p99)), bare === undefined ? '-' : two(medianRatio(each.p99, bare.p99)), span(each.p99, ms), String(each.failed)];
  })));
  const ours = all.find(({ name }) => name === 'node:http, nx-health, a check hangs');
  const bare = ours === undefined ? undefined : bareOf(ours);
  if (ours === undefined || bare === undefined) return;
  const ratio = medianRatio(ours.p99, bare.p99);
  print(`\np99 beside a check that hangs: ${two(ratio)} of the bare handler's (aim ${against(ratio, { below: 2 }, two)})`);
}

async function benchChecks(runs: number, print: (text: string) => void): Promise<void> {
  print(`\n== A run of ${TARGETS} checks ==\n`);
  const server = createServer((_request, response) => { response.end('ok'); });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const folder = mkdtempSync(join(tmpdir(), 'nx-deploy-bench-health-'));
  const file = join(folder, 'health.json');
  writeFileSync(file, JSON.stringify({ checks: Object.fromEntries(Array.from({ length: TARGETS }, (_, index) => [`t${index}`, { kind: 'http', url: `${url}${index}` }])) }));
  const read: number[] = [];
  const checked: number[] = [];
  const asked: number[] = [];
  try {
    for (let index = 0; index <= runs; index += 1) {
      const began = performance.now();
      const { checks } = await loadHealthFile(file, {});
      const loaded = performance.now();
      const ran = await runChecks(checks);
      const done = performance.now();
      if (ran.some(({ result }) => result.status !== 'healthy')) throw new Error('not all checks passed');
      await plain(url);
      const end = performance.now();
      // The first run is that of code which has not been compiled yet.
      if (index > 0) { read.push(loaded - began); checked.push(done - loaded); asked.push(end - done); }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
    server.closeAllConnections();
    server.close();
  }
  print(table(['', 'median', 'smallest .. largest', 'each'], [
    ['read and judge health.json', ms(median(read)), span(read, ms), `${(median(read) / TARGETS).toFixed(3)} ms`], [`run ${TARGETS} checks of kind http`, ms(median(checked)), span(checked, ms), `${(median(checked) / TARGETS).toFixed(3)} ms`],
    [`the same requests by node:http alone, ${AT_ONCE} at a time`, ms(median(asked)), span(asked, ms), `${(median(asked) / TARGETS).toFixed(3)} ms`], ['overhead of the checks', ms(medianDifference(checked, asked)), '', `${(medianDifference(checked, asked) / TARGETS).toFixed(3)} ms`],
  ]));
}

/** A connection for each request, as checks have. */
async function plain(url: string): Promise<void> {
  let left = TARGETS;
  await Promise.all(Array.from({ length: AT_ONCE }, async () => { while (left-- > 0) await ask(`${url}${left}`); }));
}
