import { performance } from 'node:perf_hooks';
import { LONGEST_MS } from './duration.js';
import type { CheckResult, HealthStatus } from './result.js';

export interface AttemptOptions {
  /** Of the whole check: name lookup, connection and answer. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

export type Settle = (status: HealthStatus, reason?: string) => void;

/**
 * Runs one check to exactly one result. `start` begins it and returns what ends it; ending happens on every way out, so that no socket
 * outlives the check. Progress text for the timeout's reason comes from `waitingFor`.
 */
export function attempt(options: AttemptOptions, start: (settle: Settle) => () => void, waitingFor: () => string): Promise<CheckResult> {
  const { timeoutMs, signal } = options;
  if (!(timeoutMs > 0 && timeoutMs <= LONGEST_MS)) return Promise.reject(new RangeError(`timeoutMs must be above 0 and at most ${LONGEST_MS}, got ${timeoutMs}`));
  const started = performance.now();
  return new Promise((resolve) => {
    let end: (() => void) | undefined;
    let settled = false;
    const settle: Settle = (status, reason) => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      signal?.removeEventListener('abort', cancel);
      end?.();
      const ms = Math.round(performance.now() - started);
      resolve(reason === undefined ? { status, ms } : { status, ms, reason });
    };
    const cancel = (): void => { settle('unhealthy', 'the check was cancelled'); };
    const timer = setTimeout(() => { settle('unhealthy', `${waitingFor()} within ${timeoutMs} ms`); }, timeoutMs);
    signal?.addEventListener('abort', cancel, { once: true });
    if (signal?.aborted === true) {
      cancel();
      return;
    }
    try {
      end = start(settle);
      if (settled) end();
    } catch (error) {
      clearTimeout(timer);
      signal?.removeEventListener('abort', cancel);
      throw error;
    }
  });
}
