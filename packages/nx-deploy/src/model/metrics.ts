import type { Ms } from './time.js';

/** What the router counted for one release in a window. */
export interface Metrics {
  readonly requests: number;
  /** Answers of 5xx, and requests that got no answer. */
  readonly errors: number;
  /** Requests that went to another release because no instance of this one took the connection. They count as its errors too. */
  readonly ejected: number;
  readonly latency: { readonly p50: Ms; readonly p95: Ms; readonly p99: Ms };
}
