import { isNativeError } from 'node:util/types';

export type HealthStatus = 'healthy' | 'degraded' | 'unhealthy';

/** What a check found out. */
export interface Finding {
  readonly status: HealthStatus;
  /** Why it is not healthy; one line. Set whenever the status is not `healthy`. */
  readonly reason?: string;
  /** What was measured, in `unit` (`percent`, `s`, `bytes`; none for a plain number). */
  readonly observed?: number;
  readonly unit?: string;
}

/** {@link Finding} with its reason in printable ASCII and without credentials. */
export interface CheckResult extends Finding {
  /** How long the check took, milliseconds on the monotonic clock. */
  readonly ms: number;
}

/** The share of an answer's body that a reason may quote, in characters. */
export const QUOTE_LENGTH = 200;

/** Foreign text on one line of printable ASCII: runs of white space become one space, everything else unprintable a `?`. */
export function printable(text: string, length: number): string {
  const line = text.slice(0, length * 4).replace(/\s+/g, ' ').trim().replace(/[^\x20-\x7e]/gu, '?');
  return line.length > length ? `${line.slice(0, length - 3)}...` : line;
}

/** More than is shown in the end: a secret that is cut in the middle is not known as one any more. */
export const WORKING_LENGTH = 4_096;

/** The reason of a failed connection: system errors by their code, several addresses side by side. */
export function describeError(error: unknown, length = QUOTE_LENGTH): string {
  if (!isNativeError(error)) return printable(String(error), length);
  if ('errors' in error && Array.isArray(error.errors) && error.errors.length > 0) {
    return [...new Set(error.errors.map((inner: unknown) => describeError(inner, length)))].join('; ');
  }
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  const text = error.message === '' ? (code ?? error.name) : error.message;
  return printable(code === undefined || text.includes(code) ? text : `${text} (${code})`, length);
}
