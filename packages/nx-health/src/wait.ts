import { performance } from 'node:perf_hooks';
import { LONGEST_MS } from './duration.js';
import { describeError, type CheckResult } from './result.js';

export interface WaitOptions {
  /** One check. The signal aborts when its time is over; a check that ignores it is left behind. A rejection counts as unhealthy. */
  readonly check: (signal: AbortSignal) => Promise<CheckResult>;
  /** Pause between the end of a check and the start of the next, milliseconds. */
  readonly intervalMs: number;
  /** By what the pause grows with each failure in a row, up to `longestIntervalMs`; 1 by default: not at all. */
  readonly backoff?: number;
  /** 30,000 by default; never less than `intervalMs`. */
  readonly longestIntervalMs?: number;
  /** Of the whole wait. */
  readonly timeoutMs: number;
  /** Of one check; default: what is left of the whole. */
  readonly checkTimeoutMs?: number;
  /** Consecutive passes that end the wait. `degraded` is a pass: the service answers, and waiting longer would not heal what it depends on. */
  readonly passes: number;
  readonly signal?: AbortSignal;
  /** Called after each check that ended by itself or by its own time, with the number of passes in a row so far. An error it throws rejects the wait. */
  readonly onResult?: (result: CheckResult, passed: number) => void;
}

export interface WaitResult {
  readonly outcome: 'healthy' | 'timeout' | 'cancelled';
  /** Checks that were started. */
  readonly attempts: number;
  /** Milliseconds on the monotonic clock. */
  readonly ms: number;
  /** Why it is not healthy: the reason of the last check that failed, or how many passes in a row there were. */
  readonly reason?: string;
  readonly last?: CheckResult;
}

/** Waits for N passes in a row. Never rejects because of what a check does; rejects on options that can never work (RangeError). */
export async function waitUntilHealthy(options: WaitOptions): Promise<WaitResult> {
  assertOptions(options);
  const started = performance.now();
  const elapsed = (): number => Math.round(performance.now() - started);
  const deadline = started + options.timeoutMs;
  let attempts = 0;
  let passed = 0;
  let failed = 0;
  let last: CheckResult | undefined;
  let reason: string | undefined;
  const finish = (outcome: WaitResult['outcome']): WaitResult => ({
    outcome, attempts, ms: elapsed(),
    ...(outcome === 'healthy' ? {} : explain(passed, options.passes, reason)),
    ...(last === undefined ? {} : { last }),
  });
  const cancelled = (): boolean => options.signal?.aborted === true;
  for (;;) {
    if (cancelled()) return finish('cancelled');
    const left = deadline - performance.now();
    if (left <= 0) return finish('timeout');
    attempts += 1;
    const result = await bounded(options, left);
    if (result === 'cancelled') return finish('cancelled');
    if (result === 'timeout') {
      // The end of the whole wait says less than what the checks before it found.
      reason ??= `the check did not end within ${Math.round(left)} ms`;
      passed = 0;
      return finish('timeout');
    }
    last = result;
    passed = result.status === 'unhealthy' ? 0 : passed + 1;
    failed = result.status === 'unhealthy' ? failed + 1 : 0;
    reason = result.reason ?? reason;
    options.onResult?.(result, passed);
    if (passed >= options.passes) return finish('healthy');
    const rest = deadline - performance.now();
    const interval = pauseAfter(failed, options);
    await pause(Math.min(interval, rest), options.signal);
    // Not by the clock: a timer may fire a part of a millisecond early, and a check would start only to be cut.
    if (rest <= interval && !cancelled()) return finish('timeout');
  }
}

function pauseAfter(failed: number, { intervalMs, backoff = 1, longestIntervalMs = 30_000 }: WaitOptions): number {
  return Math.min(Math.max(intervalMs, longestIntervalMs), intervalMs * backoff ** Math.max(0, failed - 1));
}

function explain(passed: number, passes: number, reason: string | undefined): { reason?: string } {
  if (passed > 0) return { reason: `${passed} of ${passes} passes in a row` };
  return reason === undefined ? {} : { reason };
}

function assertOptions({ intervalMs, timeoutMs, checkTimeoutMs = 1, passes, backoff = 1, longestIntervalMs = 1 }: WaitOptions): void {
  if (!(backoff >= 1)) throw new RangeError(`backoff must be at least 1, got ${backoff}`);
  if (!(longestIntervalMs >= 0 && longestIntervalMs <= LONGEST_MS)) throw new RangeError(`longestIntervalMs must be 0 to ${LONGEST_MS}, got ${longestIntervalMs}`);
  if (!(intervalMs >= 0 && intervalMs <= LONGEST_MS)) throw new RangeError(`intervalMs must be 0 to ${LONGEST_MS}, got ${intervalMs}`);
  if (!(timeoutMs > 0 && timeoutMs <= LONGEST_MS)) throw new RangeError(`timeoutMs must be above 0 and at most ${LONGEST_MS}, got ${timeoutMs}`);
  if (!(checkTimeoutMs > 0)) throw new RangeError(`checkTimeoutMs must be above 0, got ${checkTimeoutMs}`);
  if (!Number.isInteger(passes) || passes < 1) throw new RangeError(`passes must be a whole number of at least 1, got ${passes}`);
}

/** One check that ends within its time, whatever it does. `timeout`: the whole wait is over. */
async function bounded(options: WaitOptions, leftMs: number): Promise<CheckResult | 'cancelled' | 'timeout'> {
  const { checkTimeoutMs = leftMs } = options;
  const limit = Math.min(leftMs, checkTimeoutMs);
  const started = performance.now();
  const since = (): number => Math.round(performance.now() - started);
  const controller = new AbortController();
  const { promise: over, end } = overOrAborted(limit, options.signal);
  const run = async (): Promise<CheckResult> => {
    try {
      return await options.check(controller.signal);
    } catch (error) {
      return { status: 'unhealthy', ms: since(), reason: describeError(error) };
    }
  };
  try {
    const first = await Promise.race([run(), over]);
    if (first === 'over' && leftMs <= checkTimeoutMs) return 'timeout';
    if (first === 'over') return { status: 'unhealthy', ms: since(), reason: `the check did not end within ${Math.round(limit)} ms` };
    return first;
  } finally {
    end();
    controller.abort();
  }
}

function overOrAborted(ms: number, signal: AbortSignal | undefined): { promise: Promise<'over' | 'cancelled'>; end: () => void } {
  let end = (): void => undefined;
  const promise = new Promise<'over' | 'cancelled'>((resolve) => {
    const timer = setTimeout(() => { resolve('over'); }, ms);
    const abort = (): void => { resolve('cancelled'); };
    signal?.addEventListener('abort', abort, { once: true });
    end = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
    };
  });
  return { promise, end };
}

async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  if (ms <= 0 || signal?.aborted === true) return;
  const { promise, end } = overOrAborted(ms, signal);
  await promise;
  end();
}
