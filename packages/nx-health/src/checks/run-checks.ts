/** Several checks at once, and what they say together. */
import { setMaxListeners } from 'node:events';
import type { CheckResult, HealthStatus } from '../result.js';
import type { Check } from './check.js';

export interface Ran {
  readonly check: Check;
  readonly result: CheckResult;
}

export interface RunChecksOptions {
  readonly signal?: AbortSignal;
  /** Checks under way at a time; 64 by default. */
  readonly parallel?: number;
  readonly onResult?: (ran: Ran) => void;
}

/** Runs each check of `chosen` once, and once what they are made of (`all`). In their order. Never rejects because of a check. What nobody waits for any more is cancelled. */
export async function runChecks(chosen: readonly Check[], all: readonly Check[] = chosen, { signal, parallel = 64, onResult }: RunChecksOptions = {}): Promise<readonly Ran[]> {
  const byName = new Map(all.map((check) => [check.name, check]));
  const started = new Map<string, Promise<CheckResult>>();
  const slot = limiter(parallel);
  const ends = new AbortController();
  const end = (): void => { ends.abort(); };
  // Each check listens to it.
  setMaxListeners(0, ends.signal);
  signal?.addEventListener('abort', end, { once: true });
  if (signal?.aborted === true) end();
  const result = (name: string): Promise<CheckResult> => {
    const known = started.get(name);
    if (known !== undefined) return known;
    const check = byName.get(name);
    if (check === undefined) return Promise.resolve({ status: 'unhealthy', ms: 0, reason: `there is no check ${name}` });
    const run = (): Promise<CheckResult> => check.run({ result, signal: ends.signal });
    // One that waits for others must not take the place that they need.
    const running = check.uses.length > 0 ? run() : slot(run);
    started.set(name, running);
    return running;
  };
  try {
    return await Promise.all(chosen.map(async (check) => {
      const ran = { check, result: await result(check.name) };
      onResult?.(ran);
      return ran;
    }));
  } finally {
    signal?.removeEventListener('abort', end);
    end();
  }
}

/** At most so many at a time, in the order in which they came. */
export function limiter(most: number): <T>(run: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async (run) => {
    if (running >= most) await new Promise<void>((resolve) => { waiting.push(resolve); });
    else running += 1;
    try {
      return await run();
    } finally {
      // The place goes to the next, and is not free in between.
      const next = waiting.shift();
      if (next === undefined) running -= 1;
      else next();
    }
  };
}

/** Those that count by themselves: not a part of one that is chosen too. */
export function countedAmong<T extends { readonly check: Pick<Check, 'name' | 'uses'> }>(ran: readonly T[]): readonly T[] {
  const parts = new Set(ran.flatMap(({ check }) => check.uses));
  return ran.filter(({ check }) => !parts.has(check.name));
}

/** A critical one decides; of the others the worst that can come is degraded. */
export function overall(ran: readonly { readonly check: Pick<Check, 'name' | 'uses' | 'severity'>; readonly result: Pick<CheckResult, 'status'> }[]): HealthStatus {
  const counted = countedAmong(ran);
  if (counted.some(({ check, result }) => check.severity === 'critical' && result.status === 'unhealthy')) return 'unhealthy';
  return counted.some(({ result }) => result.status !== 'healthy') ? 'degraded' : 'healthy';
}
