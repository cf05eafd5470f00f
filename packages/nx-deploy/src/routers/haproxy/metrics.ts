/** From HAProxy's counters, which only grow while one worker runs, to what gates judge: figures of a release over a window. */
import type { Metrics, Ms, ReleaseId } from '../../model/index.js';
import { figure, isServer, readFigures, readInfo, readTable, type Figures } from './answers.js';
import { LATENCY_TABLE } from './frontend.js';
import { releaseOf } from './names.js';

/** Whose answers {@link countersOf} reads, in this order. */
export const SAMPLE_COMMANDS = ['show info', 'show stat -1 4 -1', `show table ${LATENCY_TABLE}`] as const;

export interface Counts {
  readonly requests: number;
  readonly errors: number;
  readonly ejected: number;
  /** How many answers began after so many ms. */
  readonly latency: ReadonlyMap<Ms, number>;
}

/** All that one worker has counted. */
export interface Sample {
  readonly worker: string;
  /** Monotonic, ms. */
  readonly at: number;
  /** How long the worker ran by then, ms, to the second. */
  readonly ran: Ms;
  /** By `<backend>/<server>`; without latency. */
  readonly servers: ReadonlyMap<string, Counts>;
  /** By `<backend>/<release>`; HAProxy keeps it when a server goes. */
  readonly latency: ReadonlyMap<string, ReadonlyMap<Ms, number>>;
}

/** What a sample comes to together with the servers that were deleted since. By `<backend>/<release>`. */
interface Totals extends Pick<Sample, 'worker' | 'at' | 'ran'> {
  readonly counts: ReadonlyMap<string, Counts>;
}

const NOTHING: Counts = { requests: 0, errors: 0, ejected: 0, latency: new Map() };
/** What is looked at more often has its newest look all the same: those before are kept a second apart for ten minutes, then a minute apart for a day. */
const APART: Ms = 1_000;
const NEAR = 600;
const FAR_APART: Ms = 60_000;
const FAR = 1_440;

export function countersOf(answers: readonly string[], at: number): Sample {
  const [info = '', stat = '', table = ''] = answers;
  const servers = new Map(readFigures(stat).filter(isServer).map((row) => [`${row['pxname'] ?? ''}/${row['svname'] ?? ''}`, serverCounts(row)]));
  const latency = new Map<string, Map<Ms, number>>();
  for (const [key, count] of readTable(table)) {
    const [backend = '', server = '', ms = ''] = key.split('/');
    const name = `${backend}/${releaseOf(server)}`;
    const times = latency.get(name) ?? new Map<Ms, number>();
    times.set(Number(ms), (times.get(Number(ms)) ?? 0) + count);
    latency.set(name, times);
  }
  return { worker: `${readInfo(info, 'Pid') ?? ''} ${readInfo(info, 'Start_time_sec') ?? ''}`, at, ran: Number(readInfo(info, 'Uptime_sec') ?? 0) * 1_000, servers, latency };
}

/**
 * Answers, and requests that got none: `econ` and `eresp` are those that ended without one, `wredis` those that went to another server because this one
 * took no connection.
 */
function serverCounts(row: Figures): Counts {
  const answered = ['1xx', '2xx', '3xx', '4xx', '5xx', 'other'].reduce((total, kind) => total + figure(row, `hrsp_${kind}`), 0);
  const ejected = figure(row, 'wredis');
  const lost = figure(row, 'econ') + figure(row, 'eresp') + ejected;
  return { requests: answered + lost, errors: figure(row, 'hrsp_5xx') + lost, ejected, latency: new Map() };
}

function sum(a: Counts, b: Counts, sign: 1 | -1 = 1): Counts {
  const latency = new Map(a.latency);
  for (const [ms, count] of b.latency) latency.set(ms, (latency.get(ms) ?? 0) + sign * count);
  return { requests: a.requests + sign * b.requests, errors: a.errors + sign * b.errors, ejected: a.ejected + sign * b.ejected, latency };
}

/** The samples of one worker. A worker that is new counts from zero, and so does the window: too little is inconclusive, and never good. */
export class Window {
  private samples: Totals[] = [];
  private far: Totals[] = [];
  private last: Sample | undefined;
  /** Of servers that were deleted, or deleted and added again. By `<backend>/<release>`. */
  private gone = new Map<string, Counts>();

  add(sample: Sample): void {
    if (this.last?.worker !== sample.worker) {
      this.samples = [];
      this.far = [];
      this.gone = new Map();
    } else {
      for (const [name, before] of this.last.servers) {
        if ((sample.servers.get(name)?.requests ?? -1) < before.requests) addTo(this.gone, ofRelease(name), before);
      }
    }
    this.last = sample;
    const counts = new Map(this.gone);
    for (const [name, counted] of sample.servers) addTo(counts, ofRelease(name), counted);
    for (const [name, latency] of sample.latency) addTo(counts, name, { ...NOTHING, latency });
    const newest = this.samples.at(-1);
    // What did not change is not kept twice: other services' counts are in every sample, too.
    for (const [name, counted] of counts) {
      const before = newest?.counts.get(name);
      if (before !== undefined && same(before, counted)) counts.set(name, before);
    }
    this.keep({ worker: sample.worker, at: sample.at, ran: sample.ran, counts });
  }

  private keep(totals: Totals): void {
    const [kept, newest] = this.samples.slice(-2);
    if (kept !== undefined && newest !== undefined && newest.at - kept.at < APART) this.samples.pop();
    this.samples.push(totals);
    const oldest = this.samples.length > NEAR ? this.samples.shift() : undefined;
    if (oldest !== undefined && oldest.at - (this.far.at(-1)?.at ?? -Infinity) >= FAR_APART) this.far.push(oldest);
    if (this.far.length > FAR) this.far.shift();
  }

  metrics(backend: string, release: ReleaseId, window: Ms): Metrics {
    const name = `${backend}/${release}`;
    const newest = this.samples.at(-1);
    if (newest === undefined) return asMetrics(NOTHING);
    const now = newest.counts.get(name) ?? NOTHING;
    return asMetrics(sum(now, this.before(newest, newest.at - window)?.counts.get(name) ?? NOTHING, -1));
  }

  /** What is taken off: nothing where all of the worker's time is in the window, else the last sample before it, else the first one that there is. */
  private before(newest: Totals, from: number): Totals | undefined {
    if (newest.at - newest.ran >= from) return undefined;
    const all = [...this.far, ...this.samples];
    return all.findLast(({ at }) => at <= from) ?? all[0];
  }
}

function same(a: Counts, b: Counts): boolean {
  return a.requests === b.requests && a.errors === b.errors && a.ejected === b.ejected && a.latency.size === b.latency.size && [...a.latency].every(([ms, count]) => b.latency.get(ms) === count);
}

function addTo(counts: Map<string, Counts>, name: string, more: Counts): void {
  counts.set(name, sum(counts.get(name) ?? NOTHING, more));
}

function ofRelease(name: string): string {
  const [backend = '', server = ''] = name.split('/');
  return `${backend}/${releaseOf(server)}`;
}

function asMetrics({ requests, errors, ejected, latency }: Counts): Metrics {
  const steps = [...latency].filter(([, count]) => count > 0).sort(([a], [b]) => a - b);
  const total = steps.reduce((all, [, count]) => all + count, 0);
  const at = (share: number): Ms => {
    let left = Math.max(1, Math.ceil(share * total));
    return middle(steps.find(([, count]) => (left -= count) <= 0)?.[0] ?? 0);
  };
  return { requests, errors, ejected, latency: { p50: at(0.5), p95: at(0.95), p99: at(0.99) }, times: steps.map(([ms, count]) => [ms, ms + width(ms), count]) };
}

/** A counter holds all times from its own to the next: of two digits from 100 ms on. */
function middle(ms: Ms): Ms {
  return ms < 100 ? ms : ms + width(ms) / 2;
}

function width(ms: Ms): Ms {
  return ms < 100 ? 1 : 10 ** (Math.floor(Math.log10(ms)) - 1);
}
