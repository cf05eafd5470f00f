import type { Ms } from './time.js';

/**
 * Answers by the time they took: lower bound (ms, belongs to it), upper bound (ms), how many. Ascending, only where there were some.
 * How far apart the bounds are is the router's matter: a tenth of the time at most.
 */
export type Times = readonly (readonly [from: number, to: number, count: number])[];

/** What the router counted for one release in a window. */
export interface Metrics {
  readonly requests: number;
  /** Answers of 5xx, and requests that got no answer. */
  readonly errors: number;
  /** Requests that went to another release because no instance of this one took the connection. They count as its errors too. */
  readonly ejected: number;
  readonly latency: { readonly p50: Ms; readonly p95: Ms; readonly p99: Ms };
  readonly times: Times;
}

/** For people. */
export type Figures = Omit<Metrics, 'times'>;

export const NO_METRICS: Metrics = { requests: 0, errors: 0, ejected: 0, latency: { p50: 0, p95: 0, p99: 0 }, times: [] };
