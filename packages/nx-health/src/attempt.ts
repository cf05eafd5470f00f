import { performance } from 'node:perf_hooks';
import { LONGEST_MS } from './duration.js';
import { redacted } from './redact.js';
import { describeError, WORKING_LENGTH, type CheckResult, type Finding } from './result.js';

export interface AttemptOptions {
  /** Of the whole check: name lookup, connection and answer. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/** What a check is given while it asks. */
export interface Asking {
  /** Aborted when the time is up or nobody wants to know any more, and at the end: whatever the check opened ends with it. */
  readonly signal: AbortSignal;
  /** Of the whole check, ms. */
  readonly timeoutMs: number;
  /** What it waits for from now on, as the reason of a timeout begins: `connected, but no answer`. */
  readonly waitingFor: (text: string) => void;
}

/**
 * Asks once and comes to exactly one result, whatever `ask` does: in its time, with a reason of one printable line that holds no credentials.
 * Rejects on a time that can never work (RangeError), and never because of what `ask` does.
 */
export async function attempt({ timeoutMs, signal }: AttemptOptions, ask: (asking: Asking) => Promise<Finding>): Promise<CheckResult> {
  if (!(timeoutMs > 0 && timeoutMs <= LONGEST_MS)) throw new RangeError(`timeoutMs must be above 0 and at most ${LONGEST_MS}, got ${timeoutMs}`);
  const started = performance.now();
  const ends = new AbortController();
  let waiting = 'no result';
  const found = await new Promise<Finding>((resolve) => {
    const cancel = (): void => resolve({ status: 'unhealthy', reason: 'the check was cancelled' });
    const timer = setTimeout(() => resolve({ status: 'unhealthy', reason: `${waiting} within ${timeoutMs} ms` }), timeoutMs);
    signal?.addEventListener('abort', cancel, { once: true });
    ends.signal.addEventListener('abort', () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', cancel);
    });
    if (signal?.aborted === true) cancel();
    else safely(ask, { signal: ends.signal, timeoutMs, waitingFor: (text) => { waiting = text; } }).then(resolve, (error: unknown) => resolve({ status: 'unhealthy', reason: describeError(error, WORKING_LENGTH) }));
  });
  ends.abort();
  const { reason, ...rest } = found;
  return { ...rest, ms: Math.round(performance.now() - started), ...(reason === undefined ? {} : { reason: redacted(reason) }) };
}

/** What is thrown before the first wait is a rejection too. */
async function safely(ask: (asking: Asking) => Promise<Finding>, asking: Asking): Promise<Finding> {
  return ask(asking);
}
