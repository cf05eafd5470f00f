/**
 * Counts per release over the last 24 hours: one bucket a second for ten minutes, one a minute for the rest. A bucket takes about
 * 1 KB and exists only where there was traffic, so that a release costs 2 MB at most, however many requests it gets, and a
 * release that came and went as much as the minutes that it had traffic in. The clock is monotonic: setting the time changes nothing.
 */
import { performance } from 'node:perf_hooks';
import { NO_METRICS, type Metrics, type Ms, type ReleaseId } from '../../model/index.js';
import type { Totals } from '../router.js';
import { Buckets, type Bucket, type Sum } from './buckets.js';
import { BOUNDS, boundOf, percentile, timesOf } from './histogram.js';

/** Kept by the second, with the current one. */
const SECONDS = 600;
/** Kept by the minute, with the current one: 24 hours. */
const MINUTES = 1_440;

/** One counted request, to which a failure may still be added: a stream that breaks off after its headers. */
export class Sample {
  private readonly slotOfSecond: number;
  private readonly slotOfMinute: number;

  constructor(private readonly second: Bucket, private readonly minute: Bucket, private readonly totals: { errors: number }, private bad: boolean) {
    this.slotOfSecond = second.slot;
    this.slotOfMinute = minute.slot;
  }

  /** Counts it as an error, once, in the time in which the request was counted. */
  fail(): void {
    if (this.bad) return;
    this.bad = true;
    this.totals.errors += 1;
    if (this.second.slot === this.slotOfSecond) this.second.errors += 1;
    if (this.minute.slot === this.slotOfMinute) this.minute.errors += 1;
  }
}

export class ReleaseMetrics {
  private readonly seconds = new Buckets(SECONDS);
  private readonly minutes = new Buckets(MINUTES);
  private readonly sinceStart = { requests: 0, errors: 0, ejected: 0 };
  private latest = -Infinity;

  constructor(private readonly now: () => Ms = () => performance.now()) {}

  /** `latency` in ms from the request's arrival to the headers of its answer; undefined when there was none. */
  count(error: boolean, latency?: Ms): Sample {
    return this.add(error, false, latency);
  }

  /** The release was passed over because it took no connection: an error of it, though the client may get a good answer elsewhere. */
  eject(): void {
    this.add(true, true);
  }

  /** A copy. */
  get totals(): Totals {
    return { ...this.sinceStart };
  }

  /**
   * At most the last `window` ms, never more but for the bucket that is being filled: a window up to ten minutes takes the whole
   * seconds that began in it, a longer one leaves out the rest of the minute that it begins in.
   */
  read(window: Ms): Metrics {
    const now = this.now();
    const current = Math.floor(now / 1_000);
    const first = Math.min(Math.ceil((now - window) / 1_000), current);
    const oldest = current - SECONDS + 1;
    const sum: Sum = { requests: 0, errors: 0, ejected: 0, latencies: new Float64Array(BOUNDS) };
    // The minute from which on the seconds tell all.
    const border = Math.ceil(oldest / 60);
    const firstMinute = Math.max(Math.ceil((now - window) / 60_000), Math.floor(now / 60_000) - MINUTES + 1);
    if (firstMinute < border) this.minutes.addTo(sum, firstMinute, border);
    this.seconds.addTo(sum, firstMinute < border ? border * 60 : Math.max(first, oldest), Infinity);
    const { requests, errors, ejected, latencies } = sum;
    return { requests, errors, ejected, latency: { p50: percentile(latencies, 0.5), p95: percentile(latencies, 0.95), p99: percentile(latencies, 0.99) }, times: timesOf(latencies) };
  }

  /** Is everything it ever counted older than what is kept? */
  get silent(): boolean {
    return Math.floor(this.now() / 60_000) - this.latest >= MINUTES;
  }

  /** Lets go of the buckets that no window reaches any more. */
  trim(): void {
    this.seconds.trim(Math.floor(this.now() / 1_000) - SECONDS + 1);
    this.minutes.trim(Math.floor(this.now() / 60_000) - MINUTES + 1);
  }

  /** Buckets that take memory. */
  get size(): number {
    return this.seconds.size + this.minutes.size;
  }

  private add(error: boolean, ejected: boolean, latency?: Ms): Sample {
    const now = this.now();
    const second = this.seconds.at(Math.floor(now / 1_000));
    this.latest = Math.floor(now / 60_000);
    const minute = this.minutes.at(this.latest);
    increase(this.sinceStart, error, ejected);
    increase(second, error, ejected);
    increase(minute, error, ejected);
    if (latency !== undefined) {
      const bound = boundOf(latency);
      second.latencies[bound] = (second.latencies[bound] ?? 0) + 1;
      minute.latencies[bound] = (minute.latencies[bound] ?? 0) + 1;
    }
    return new Sample(second, minute, this.sinceStart, error);
  }
}

function increase(counts: { requests: number; errors: number; ejected: number }, error: boolean, ejected: boolean): void {
  counts.requests += 1;
  if (error) counts.errors += 1;
  if (ejected) counts.ejected += 1;
}

/** The series of one route. */
export class RouteMetrics {
  private readonly series = new Map<ReleaseId, ReleaseMetrics>();

  constructor(private readonly now?: () => Ms) {}

  of(release: ReleaseId): ReleaseMetrics {
    const found = this.series.get(release);
    if (found !== undefined) return found;
    const created = new ReleaseMetrics(this.now);
    this.series.set(release, created);
    return created;
  }

  read(release: ReleaseId, window: Ms): Metrics {
    return this.series.get(release)?.read(window) ?? NO_METRICS;
  }

  get totals(): ReadonlyMap<ReleaseId, Totals> {
    return new Map([...this.series].map(([release, metrics]) => [release, metrics.totals]));
  }

  /** Forgets what got no traffic for 24 hours, except the releases to keep. */
  forget(keep: ReadonlySet<ReleaseId>): void {
    for (const [release, metrics] of this.series) {
      if (metrics.silent && !keep.has(release)) this.series.delete(release);
      else metrics.trim();
    }
  }

  get releases(): readonly ReleaseId[] {
    return [...this.series.keys()];
  }
}
