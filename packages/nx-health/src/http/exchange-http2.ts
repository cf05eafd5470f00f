/** The same on HTTP/2, by ALPN on https and by prior knowledge on http (RFC 9113, section 3). */
import { connect, constants, type ClientHttp2Stream, type IncomingHttpHeaders } from 'node:http2';
import { isNativeError } from 'node:util/types';
import type { Asking } from '../attempt.js';
import { expiry, tlsOptions, type Answer, type Sent } from './exchange.js';

export async function exchangeHttp2(url: URL, { method, headers, bodyLimit, tls }: Sent, { signal, waitingFor }: Asking): Promise<Answer> {
  signal.throwIfAborted();
  waitingFor('no HTTP/2 connection');
  const session = connect(url.origin, tlsOptions(tls));
  const failed = new Promise<never>((_, reject) => {
    session.on('error', reject);
    session.on('close', () => { reject(new Error('the HTTP/2 connection closed before its answer ended')); });
    signal.addEventListener('abort', () => { session.destroy(); }, { once: true });
  });
  // Its end is also waited for when nobody does any more.
  failed.catch(() => undefined);
  let validTo: number | undefined;
  session.once('connect', (_, socket) => {
    waitingFor('connected, but no answer');
    // Asked for now: a session that has ended has no socket any more.
    validTo = expiry(socket);
  });
  try {
    const lower = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
    const stream = session.request({ ...lower, [constants.HTTP2_HEADER_METHOD]: method, [constants.HTTP2_HEADER_PATH]: `${url.pathname}${url.search}`, ...credentials(url) });
    const answer = await Promise.race([answerOf(stream, bodyLimit, waitingFor), failed]);
    return { ...answer, ...(validTo === undefined ? {} : { validTo }) };
  } finally {
    session.destroy();
  }
}

/** node:http makes this of the address by itself. */
function credentials({ username, password }: URL): Readonly<Record<string, string>> {
  return username === '' && password === '' ? {} : { authorization: `Basic ${Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString('base64')}` };
}

function answerOf(stream: ClientHttp2Stream, limit: number, waitingFor: (text: string) => void): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    let headers: IncomingHttpHeaders = {};
    const conclude = (whole: boolean): void => { resolve({ code: Number(headers[':status'] ?? 0), headers, body: Buffer.concat(chunks).subarray(0, limit), whole }); };
    stream.on('response', (received) => {
      headers = received;
      waitingFor(`HTTP ${received[':status'] ?? 0}, but the body did not end`);
    });
    stream.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      chunks.push(chunk);
      if (bytes > limit) conclude(false);
    });
    stream.on('end', () => {
      if (stream.rstCode === constants.NGHTTP2_NO_ERROR) conclude(true);
      else reject(new Error(`${headers[':status'] === undefined ? 'no answer' : `HTTP ${String(headers[':status'])}`}, but the stream was reset before the body ended`));
    });
    // That of the stream says that it was cancelled, and its cause says why. (What belongs to another realm is no instance of Error here.)
    stream.on('error', (error: Error) => { reject(isNativeError(error.cause) ? error.cause : error); });
  });
}
