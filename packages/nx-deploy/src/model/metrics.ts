import type { Ms } from './time.js';

/** What the router counted for one release in a window. */
export interface Metrics {
  readonly requests: number;
  /** Answers of 5xx, and requests that got no answer. */
  readonly errors: number;
  readonly latency: { readonly p50: Ms; readonly p95: Ms; readonly p99: Ms };
}
