import { request as httpRequest, type ClientRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { attempt, type AttemptOptions, type Settle } from './attempt.js';
import { describeError, printable, QUOTE_LENGTH, type CheckResult } from './result.js';
import { DEFAULT_STATUS_MAP, statusOf, type StatusMap } from './status.js';

/** No more of an answer's body is read than this; what comes after it is not waited for. */
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
export async function checkHttp(check: HttpCheck): Promise<CheckResult> {
  const url = new URL(check.url);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw new TypeError(`the url must start with http:// or https://, got ${url.protocol}`);
  const progress = { waitingFor: 'no connection' };
  return attempt(check, (settle) => {
    const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
    const request = send(url, { method: check.method ?? 'GET', headers: { accept: '*/*', ...check.headers }, agent: false });
    listen(request, url, check.expectStatus ?? DEFAULT_STATUS_MAP, settle, progress);
    request.end();
    return () => { request.destroy(); };
  }, () => progress.waitingFor);
}

function listen(request: ClientRequest, url: URL, map: StatusMap, settle: Settle, progress: { waitingFor: string }): void {
  request.on('socket', (socket) => {
    socket.once(url.protocol === 'https:' ? 'secureConnect' : 'connect', () => { progress.waitingFor = 'connected, but no answer'; });
  });
  request.on('response', (response) => {
    progress.waitingFor = `HTTP ${response.statusCode ?? 0}, but the body did not end`;
    judge(response, map, settle);
  });
  // Without a listener of its own an upgrade would end as a bare "socket hang up".
  request.on('upgrade', (response, socket) => {
    socket.destroy();
    settle('unhealthy', `HTTP ${response.statusCode ?? 0}: the server switched protocols`);
  });
  request.on('error', (error) => { settle('unhealthy', describeError(error)); });
  request.on('close', () => { settle('unhealthy', `${progress.waitingFor} before the connection closed`); });
}

function judge(response: IncomingMessage, map: StatusMap, settle: Settle): void {
  const code = response.statusCode ?? 0;
  const chunks: Buffer[] = [];
  let bytes = 0;
  const conclude = (): void => {
    const status = statusOf(code, map);
    const body = printable(Buffer.concat(chunks).toString('utf8'), QUOTE_LENGTH);
    const reason = body === '' ? `HTTP ${code}` : `HTTP ${code}: ${body}`;
    if (status === 'healthy') settle(status);
    else settle(status, reason);
  };
  response.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    chunks.push(chunk);
    if (bytes >= BODY_LIMIT) conclude();
  });
  response.on('end', conclude);
  // A cut body shows as the request's close; without a listener here it would end the process.
  response.on('error', () => undefined);
}
