/**
 * Counts per release over the last ten minutes: one bucket a second, each with a histogram whose bounds grow by a constant factor.
 * A release costs at most 600 buckets of about 0.7 KB, however many requests it gets.
 */
import { performance } from 'node:perf_hooks';
import type { Metrics, Ms, ReleaseId } from '../../model/index.js';

const SECONDS = 600;
/** Eight bounds per doubling: a percentile is at most 4.5 % off. */
const PER_OCTAVE = 8;
const SMALLEST: Ms = 0.1;
/** From 0.1 ms to 105 s; what is outside falls into the first or last. */
const BOUNDS = 20 * PER_OCTAVE;

interface Bucket {
  second: number;
  requests: number;
  errors: number;
  readonly latencies: Uint32Array;
}

/** One counted request, to which a failure may still be added: a stream that breaks off after its headers. */
export class Sample {
  private readonly second: number;

  constructor(private readonly bucket: Bucket, private failed: boolean) {
    this.second = bucket.second;
  }

  /** Counts it as an error, once. */
  fail(): void {
    if (this.failed) return;
    this.failed = true;
    if (this.bucket.second === this.second) this.bucket.errors += 1;
  }
}

export class ReleaseMetrics {
  private readonly ring = new Map<number, Bucket>();
  private latest = -Infinity;

  constructor(private readonly now: () => Ms = () => performance.now()) {}

  /** `latency` in ms from the request's arrival to the headers of its answer; undefined when there was none. */
  count(error: boolean, latency?: Ms): Sample {
    const bucket = this.bucket();
    bucket.requests += 1;
    if (error) bucket.errors += 1;
    if (latency !== undefined) {
      const bound = boundOf(latency);
      bucket.latencies[bound] = (bucket.latencies[bound] ?? 0) + 1;
    }
    return new Sample(bucket, error);
  }

  /** Whole seconds that began within the last `window` ms; the current second always belongs to it. */
  read(window: Ms): Metrics {
    const now = this.now();
    const first = Math.min(Math.ceil((now - window) / 1_000), Math.floor(now / 1_000));
    const oldest = Math.max(first, Math.floor(now / 1_000) - SECONDS + 1);
    const latencies = new Float64Array(BOUNDS);
    let requests = 0;
    let errors = 0;
    for (const bucket of this.ring.values()) {
      if (bucket.second < oldest) continue;
      requests += bucket.requests;
      errors += bucket.errors;
      bucket.latencies.forEach((count, bound) => { latencies[bound] = (latencies[bound] ?? 0) + count; });
    }
    return { requests, errors, ejected: 0, latency: { p50: percentile(latencies, 0.5), p95: percentile(latencies, 0.95), p99: percentile(latencies, 0.99) } };
  }

  /** Is everything it ever counted older than what is kept? */
  get silent(): boolean {
    return Math.floor(this.now() / 1_000) - this.latest >= SECONDS;
  }

  private bucket(): Bucket {
    const second = Math.floor(this.now() / 1_000);
    this.latest = second;
    const place = second % SECONDS;
    const found = this.ring.get(place);
    if (found === undefined) {
      const bucket = { second, requests: 0, errors: 0, latencies: new Uint32Array(BOUNDS) };
      this.ring.set(place, bucket);
      return bucket;
    }
    if (found.second !== second) {
      Object.assign(found, { second, requests: 0, errors: 0 });
      found.latencies.fill(0);
    }
    return found;
  }
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
    return this.series.get(release)?.read(window) ?? { requests: 0, errors: 0, ejected: 0, latency: { p50: 0, p95: 0, p99: 0 } };
  }

  /** Forgets what got no traffic for ten minutes, except the releases to keep. */
  forget(keep: ReadonlySet<ReleaseId>): void {
    for (const [release, metrics] of this.series) {
      if (metrics.silent && !keep.has(release)) this.series.delete(release);
    }
  }

  get releases(): readonly ReleaseId[] {
    return [...this.series.keys()];
  }
}

function boundOf(latency: Ms): number {
  if (latency <= SMALLEST) return 0;
  return Math.min(BOUNDS - 1, Math.floor(Math.log2(latency / SMALLEST) * PER_OCTAVE));
}

/** The middle (geometric) of the bound that holds the nearest rank; 0 without samples. */
function percentile(latencies: Float64Array, share: number): Ms {
  const total = latencies.reduce((sum, count) => sum + count, 0);
  if (total === 0) return 0;
  const rank = Math.ceil(total * share);
  let seen = 0;
  const bound = latencies.findIndex((count) => {
    seen += count;
    return seen >= rank;
  });
  return SMALLEST * 2 ** ((bound + 0.5) / PER_OCTAVE);
}
