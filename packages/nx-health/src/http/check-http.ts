import { validateHeaderName, validateHeaderValue } from 'node:http';
import { attempt, type AttemptOptions } from '../attempt.js';
import { printable, WORKING_LENGTH, type CheckResult, type Finding } from '../result.js';
import { DEFAULT_STATUS_MAP, statusOf, type StatusMap } from '../status.js';
import { exchange, type Answer } from './exchange.js';

/** No more of an answer's body is read than this, bytes; what comes after it is not waited for. */
export const BODY_LIMIT = 64 * 1024;

export interface HttpCheck extends AttemptOptions {
  /** `http:` or `https:`. */
  readonly url: string | URL;
  /** Default `GET`. */
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Default {@link DEFAULT_STATUS_MAP}. Redirects are never followed: a 3xx is judged as it is. */
  readonly expectStatus?: StatusMap;
}

/**
 * Asks once, over a connection of its own, so that a connection kept open to a process that is gone cannot hide its end.
 * The answer counts when its body ended or {@link BODY_LIMIT} bytes of it arrived. Resolves `unhealthy` with a reason whatever the network does;
 * rejects only on options that can never work (TypeError, RangeError).
 */
export async function checkHttp({ url: address, method = 'GET', headers = {}, expectStatus = DEFAULT_STATUS_MAP, ...options }: HttpCheck): Promise<CheckResult> {
  const url = new URL(address);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw new TypeError(`the url must start with http:// or https://, got ${url.protocol}`);
  if (!/^[\w!#$%&'*+.^`|~-]+$/.test(method)) throw new TypeError('Method must be a valid HTTP token');
  for (const [name, value] of Object.entries(headers)) {
    validateHeaderName(name);
    validateHeaderValue(name, value);
  }
  return attempt(options, async (asking) => judge(await exchange(url, { method, headers: { accept: '*/*', ...headers }, bodyLimit: BODY_LIMIT }, asking), expectStatus));
}

/** By its status alone. */
export function judge({ code, body }: Answer, map: StatusMap): Finding {
  const status = statusOf(code, map);
  if (status === 'healthy') return { status };
  const text = printable(body.toString('utf8'), WORKING_LENGTH);
  return { status, reason: text === '' ? `HTTP ${code}` : `HTTP ${code}: ${text}` };
}
