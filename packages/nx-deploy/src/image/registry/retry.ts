/** Attempts, the pauses between them, and what is worth another one. */
import { setTimeout as pause } from 'node:timers/promises';
import { DeployError, errorCode } from '../../errors.js';
import type { Ms } from '../../model/index.js';

export interface RetryPolicy {
  /** All of them, the first included. */
  readonly attempts: number;
  /** Before the second attempt; doubled before each further one. Each pause is between half of it and all of it. */
  readonly pause: Ms;
  readonly longestPause: Ms;
  /** After it no other attempt begins; what is under way goes on while bytes come. */
  readonly deadline: Ms;
}

export const RETRY_POLICY: RetryPolicy = { attempts: 6, pause: 300, longestPause: 20_000, deadline: 600_000 };

/** A failure that may pass. `error` is what is thrown when it does not. */
export class Passing extends Error {
  constructor(readonly error: DeployError, readonly wait?: Ms) {
    super(error.message);
  }
}

export type Again = (attempt: number, why: string) => void;

/** Runs `attempt` until it does not throw {@link Passing}, the attempts or the time are used up, or the signal aborts. */
export async function retrying<T>(policy: RetryPolicy, signal: AbortSignal | undefined, again: Again, attempt: () => Promise<T>): Promise<T> {
  const end = performance.now() + policy.deadline;
  for (let number = 1; ; number += 1) {
    try {
      return await attempt();
    } catch (thrown) {
      if (!(thrown instanceof Passing)) throw thrown;
      const wait = Math.max(thrown.wait ?? 0, backoff(policy, number));
      if (number >= policy.attempts) throw thrown.error;
      if (performance.now() + wait > end) throw outOfTime(thrown, wait);
      again(number + 1, thrown.message);
      await pause(wait, undefined, signal === undefined ? {} : { signal }).catch(() => { throw cancelled(); });
    }
  }
}

function backoff({ pause: first, longestPause }: RetryPolicy, number: number): Ms {
  return Math.min(longestPause, first * 2 ** (number - 1)) * (0.5 + Math.random() / 2);
}

function outOfTime({ error, wait }: Passing, pause: Ms): DeployError {
  if (wait === undefined) return error;
  return new DeployError(error.code, { ...error.parts, next: `the registry asks to wait ${Math.ceil(pause / 1_000)} s; run the command again then` });
}

/** `Retry-After`: seconds, or a date (RFC 9110, 10.2.3). */
export function retryAfter(header: string | undefined, now: number = Date.now()): Ms | undefined {
  if (header === undefined) return undefined;
  if (/^\s*\d{1,9}\s*$/.test(header)) return Number(header) * 1_000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

export function isPassingStatus(status: number): boolean {
  return status === 408 || status === 425 || status === 429 || status >= 500;
}

const PASSING_CODES = ['ECONNRESET', 'ECONNREFUSED', 'ECONNABORTED', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'ENETDOWN', 'EAI_AGAIN', 'ERR_STREAM_PREMATURE_CLOSE'];

/** Broken connections, and answers that are cut or no HTTP at all, may be better the next time; names that do not exist and certificates are not. */
export function isPassingError(thrown: unknown): boolean {
  const code = errorCode(thrown) ?? '';
  return PASSING_CODES.includes(code) || code.startsWith('HPE_');
}

/** Waits for work that others wait for as well, and that therefore does not end with this signal. */
export async function orCancelled<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  let abort: () => void = () => undefined;
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(cancelled());
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
  });
  return Promise.race([work, aborted]).finally(() => signal.removeEventListener('abort', abort));
}

export function cancelled(): DeployError {
  return new DeployError('ND-CANCELLED', { what: 'the transfer with the registry was cancelled', next: 'run the command again: what was transferred is not transferred twice' });
}
