/** The same on HTTP/2, by ALPN on https and by prior knowledge on http (RFC 9113, section 3). */
import { connect, constants, type ClientHttp2Stream, type IncomingHttpHeaders } from 'node:http2';
import { isNativeError } from 'node:util/types';
import type { Asking } from '../attempt.js';
import { expiry, tlsOptions, type Answer, type Sent } from './exchange.js';

export async function exchangeHttp2(url: URL, { method, headers, bodyLimit, tls }: Sent, { signal, waitingFor }: Asking): Promise<Answer> {
  waitingFor('no HTTP/2 connection');
  const session = connect(url.origin, tlsOptions(tls));
  const failed = new Promise<never>((_, reject) => {
    session.on('error', reject);
    session.on('close', () => { reject(new Error('the HTTP/2 connection closed before its answer ended')); });
    signal.addEventListener('abort', () => { session.destroy(); }, { once: true });
  });
  // Its end is also waited for when nobody does any more.
  failed.catch(() => undefined);
  session.once('connect', () => { waitingFor('connected, but no answer'); });
  try {
    const lower = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
    const stream = session.request({ ...lower, [constants.HTTP2_HEADER_METHOD]: method, [constants.HTTP2_HEADER_PATH]: `${url.pathname}${url.search}`, ...credentials(url) });
    const answer = await Promise.race([answerOf(stream, bodyLimit, waitingFor), failed]);
    const validTo = expiry(session.socket);
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
    stream.on('end', () => { conclude(true); });
    // That of the stream says that it was cancelled, and its cause says why. (What belongs to another realm is no instance of Error here.)
    stream.on('error', (error: Error) => { reject(isNativeError(error.cause) ? error.cause : error); });
  });
}
