/** Counts by slots of time, for a number of slots back; a slot without traffic costs nothing. */
import { BOUNDS } from './histogram.js';

export interface Bucket {
  slot: number;
  requests: number;
  errors: number;
  ejected: number;
  readonly latencies: Uint32Array;
}

/** What several buckets come to. */
export interface Sum {
  requests: number;
  errors: number;
  ejected: number;
  readonly latencies: Float64Array;
}

export class Buckets {
  /** By slot modulo their number. */
  private readonly ring = new Map<number, Bucket>();
  private newest: Bucket | undefined;

  constructor(private readonly slots: number) {}

  at(slot: number): Bucket {
    if (this.newest?.slot === slot) return this.newest;
    const place = slot % this.slots;
    let bucket = this.ring.get(place);
    if (bucket === undefined) {
      bucket = { slot, requests: 0, errors: 0, ejected: 0, latencies: new Uint32Array(BOUNDS) };
      this.ring.set(place, bucket);
    } else if (bucket.slot !== slot) {
      Object.assign(bucket, { slot, requests: 0, errors: 0, ejected: 0 });
      bucket.latencies.fill(0);
    }
    this.newest = bucket;
    return bucket;
  }

  /** Slots from `first` up to, not with, `end`. */
  addTo(sum: Sum, first: number, end: number): void {
    for (const bucket of this.ring.values()) {
      if (bucket.slot < first || bucket.slot >= end) continue;
      sum.requests += bucket.requests;
      sum.errors += bucket.errors;
      sum.ejected += bucket.ejected;
      for (let bound = 0; bound < BOUNDS; bound += 1) sum.latencies[bound] = (sum.latencies[bound] ?? 0) + (bucket.latencies[bound] ?? 0);
    }
  }

  /** Lets go of what is older. */
  trim(oldest: number): void {
    for (const [place, { slot }] of this.ring) if (slot < oldest) this.ring.delete(place);
    if (this.newest !== undefined && this.newest.slot < oldest) this.newest = undefined;
  }

  get size(): number {
    return this.ring.size;
  }
}
