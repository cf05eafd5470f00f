/** The embedded router against haproxy and nginx: one core each, the same upstream, one after the other within each run. */
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { startLoad } from '../load/launch.js';
import { against, median, medianDifference, medianRatio, ms, span } from './figures.js';
import { find, run, type Running } from './programs.js';
import { missing, PROXIES, startProxy, startUpstream, type Proxy } from './proxies.js';
import { table } from './table.js';
import { askAsFastAsPossible } from './wrk.js';

const CONNECTIONS = 64;
const SECONDS = 4;
/** Requests per second that all can take with ease: what is measured then is the way, not the queue. */
const STEADY_RATE = 500;
const AIM = 0.35;
/** Share of a core from which on a proxy itself is the limit. */
const SATURATED = 0.95;

interface Series {
  readonly name: Proxy | 'upstream';
  /** Requests per second. */
  readonly rate: number[];
  /** Requests per second of its own processor time: what one core of its own could take if nothing else held it back. */
  readonly perCpu: number[];
  /** Share of its core that it used, 0 to 1. */
  readonly busy: number[];
  readonly p50: number[];
  readonly p99: number[];
  readonly lag: number[];
  failed: number;
}

const series = (name: Series['name']): Series => ({ name, rate: [], perCpu: [], busy: [], p50: [], p99: [], lag: [], failed: 0 });

/** Keeps this process and what it starts from now on to these cores. */
async function pinSelf(cores: string): Promise<void> {
  await run(['taskset', '-a', '-c', '-p', cores, String(process.pid)], 5_000, { cleaning: true });
}

async function saturate(target: Running, into: Series): Promise<void> {
  const before = target.cpu;
  const { rate, requests, failed } = await askAsFastAsPossible(target.url, { connections: CONNECTIONS, seconds: SECONDS });
  const used = target.cpu - before;
  into.rate.push(rate);
  into.perCpu.push(requests / used);
  into.busy.push(used / SECONDS);
  into.failed += failed;
}

async function steady(target: Running, into: Series): Promise<void> {
  const load = await startLoad({ url: new URL(target.url).origin, rate: STEADY_RATE, mix: { get: 1 }, durationMs: SECONDS * 1_000 });
  await new Promise((resolve) => setTimeout(resolve, SECONDS * 1_000 + 100));
  const { latency, lagMs, failures } = await load.stop();
  into.p50.push(latency.p50);
  into.p99.push(latency.p99);
  into.lag.push(lagMs);
  into.failed += failures;
}

/** Prints what it does and its tables. */
export async function benchRouter(runs: number, print: (text: string) => void): Promise<void> {
  print('\n== Router: one proxy on one core, one upstream ==\n');
  for (const line of missing()) print(line);
  if (find('wrk') === undefined) {
    print('not measured: wrk is not installed (apt-get install wrk)');
    return;
  }
  const cores = availableParallelism();
  const pinned = cores > 1 && find('taskset') !== undefined;
  if (!pinned) print('not pinned: it takes taskset and two cores to give the proxy one of its own; the figures below are of a shared core');
  const folder = mkdtempSync(join(tmpdir(), 'nx-deploy-bench-router-'));
  if (pinned) await pinSelf(cores === 2 ? '1' : `1-${cores - 1}`);
  try {
    await compare(runs, { folder, pin: pinned ? ['taskset', '-c', '0'] : [] }, print);
  } finally {
    if (pinned) await pinSelf(`0-${cores - 1}`);
    rmSync(folder, { recursive: true, force: true });
  }
}

async function compare(runs: number, place: { readonly pin: readonly string[]; readonly folder: string }, print: (text: string) => void): Promise<void> {
  const upstream = await startUpstream(place.folder);
  const alone = series('upstream');
  const proxies = PROXIES.filter((name) => name === 'nx-deploy' || find(name) !== undefined).map(series);
  const started: Running[] = [upstream.running];
  const port = Number(new URL(upstream.running.url).port);
  try {
    const targets = new Map<Series, Running>([[alone, upstream.running]]);
    for (const each of proxies) {
      const running = await startProxy(each.name as Proxy, port, place);
      started.push(running);
      targets.set(each, running);
    }
    for (const target of targets.values()) await askAsFastAsPossible(target.url, { connections: CONNECTIONS, seconds: 2 });
    for (let index = 0; index < runs; index += 1) {
      // Everyone's turn comes at another place of the run, so that a drift of the machine favours nobody.
      const order = [...targets].map((_, place_, all) => all[(place_ + index) % all.length]).flatMap((each) => (each === undefined ? [] : [each]));
      for (const [into, target] of order) await saturate(target, into);
      for (const [into, target] of order) await steady(target, into);
    }
  } finally {
    for (const running of started.reverse()) await running.stop();
  }
  report({ alone, proxies, upstream: upstream.what, runs }, print);
}

function report({ alone, proxies, upstream, runs }: { readonly alone: Series; readonly proxies: readonly Series[]; readonly upstream: string; readonly runs: number }, print: (text: string) => void): void {
  const whole = (value: number): string => (Number.isFinite(value) ? String(Math.round(value)) : '-');
  const two = (value: number): string => (Number.isFinite(value) ? value.toFixed(2) : '-');
  const haproxy = proxies.find(({ name }) => name === 'haproxy');
  print(`upstream: ${upstream}; medians of ${runs} runs of ${SECONDS} s; ratios within each run\n`);
  print(`As fast as ${CONNECTIONS} kept connections ask (wrk, on the upstream's core):\n`);
  print(table(
    ['proxy', 'requests/s', 'smallest .. largest', 'of haproxy', 'core used', 'requests per cpu s', 'of haproxy', 'failed'],
    [alone, ...proxies].map((each) => [
      each === alone ? '(upstream asked directly)' : each.name, whole(median(each.rate)), span(each.rate, whole),
      ...(each === alone || haproxy === undefined ? ['-'] : [two(medianRatio(each.rate, haproxy.rate))]),
      `${Math.round(median(each.busy) * 100)}%`, whole(median(each.perCpu)),
      ...(each === alone || haproxy === undefined ? ['-'] : [two(medianRatio(each.perCpu, haproxy.perCpu))]), String(each.failed),
    ]),
  ));
  print(`\nAt ${STEADY_RATE} requests/s (tools/load, timed from when each was due):\n`);
  print(table(
    ['proxy', 'p50', 'p99', 'added p50', 'added p99', 'added p99, smallest .. largest', 'client lag'],
    [alone, ...proxies].map((each) => [
      each === alone ? '(upstream asked directly)' : each.name, ms(median(each.p50)), ms(median(each.p99)),
      each === alone ? '-' : ms(medianDifference(each.p50, alone.p50)),
      each === alone ? '-' : ms(medianDifference(each.p99, alone.p99)),
      each === alone ? '-' : span(each.p99.map((value, index) => value - (alone.p99[index] ?? Number.NaN)), ms), ms(median(each.lag)),
    ]),
  ));
  const ours = proxies.find(({ name }) => name === 'nx-deploy');
  if (haproxy === undefined || ours === undefined) return;
  const perCpu = medianRatio(ours.perCpu, haproxy.perCpu);
  const busy = median(haproxy.busy);
  print(`\nrequests per cpu s: ${two(perCpu)} of haproxy's (aim ${against(perCpu, { atLeast: AIM }, two)})`);
  const rate = medianRatio(ours.rate, haproxy.rate);
  // A haproxy that waits for its upstream is slower than it could be, and whoever is compared with it looks better than he is.
  print(`requests/s: ${two(rate)} of haproxy's (aim ${busy < SATURATED ? `not judged: haproxy used ${Math.round(busy * 100)}% of its core` : against(rate, { atLeast: AIM }, two)})`);
}
