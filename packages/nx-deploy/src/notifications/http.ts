/** Posts a JSON document. */
import { setTimeout as sleep } from 'node:timers/promises';
import { isNativeError } from 'node:util/types';
import { errorCode } from '../errors.js';
import type { Ms } from '../model/index.js';

export interface Post {
  readonly url: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Pauses between the tries. */
const AGAIN: readonly Ms[] = [500, 2_000];

/** Once more, and again, when nobody answers, or with 429 or 5xx. The message of a rejection names no part of the address, which may be a secret. */
export async function post(order: Post, signal: AbortSignal): Promise<void> {
  for (const pause of [...AGAIN, undefined]) {
    const fault = await once(order, signal);
    if (fault === undefined) return;
    if (signal.aborted || !fault.again || pause === undefined) throw new Error(fault.why);
    await sleep(pause, undefined, { signal }).catch(() => undefined);
  }
}

async function once({ url, body, headers }: Post, signal: AbortSignal): Promise<{ readonly why: string; readonly again: boolean } | undefined> {
  try {
    const response = await fetch(url, { method: 'POST', body, signal, redirect: 'manual', headers: { 'content-type': 'application/json', connection: 'close', ...headers } });
    await response.body?.cancel();
    const { status } = response;
    return status >= 200 && status < 300 ? undefined : { why: `HTTP ${status}`, again: status === 429 || status >= 500 };
  } catch (thrown) {
    const cause = isNativeError(thrown) && isNativeError(thrown.cause) ? thrown.cause : thrown;
    return { why: errorCode(cause) ?? 'no connection', again: true };
  }
}
