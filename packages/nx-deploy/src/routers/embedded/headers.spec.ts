import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { acceptsTrailers, framingOf, plainHeaders, requestHeaders, responseHeaders, trailerPairs, type Peer } from './headers.js';
import { hostName, readTarget } from './request-target.js';

/** A message as the parser leaves it. */
function message(raw: readonly string[], method = 'GET'): IncomingMessage {
  const made = new IncomingMessage(new Socket());
  made.method = method;
  made.rawHeaders.push(...raw);
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index]!.toLowerCase();
    const before = made.headers[name];
    made.headers[name] = before === undefined ? raw[index + 1] : `${String(before)}, ${raw[index + 1]}`;
  }
  return made;
}

const stranger: Peer = { address: '203.0.113.9', trusted: false };
const target = { authority: 'x.example', path: '/' };
const forwarding = ['X-Forwarded-For', '203.0.113.9', 'X-Forwarded-Proto', 'http', 'X-Forwarded-Host', 'x.example'];

it('keeps case, order and duplicates, and drops what belongs to the connection', () => {
  const raw = ['HOST', 'x.example', 'x-One', '1', 'Cookie', 'a', 'X-ONE', '2', 'Keep-Alive', 'timeout=5', 'Proxy-Connection', 'x', 'Connection', 'close, X-Gone , keep-alive', 'x-gone', '1',
    'TE', 'trailers', 'Upgrade', 'h2c', 'Proxy-Authorization', 'b', 'Trailer', 'x'];
  expect(requestHeaders(message(raw), target, 'none', stranger)).toEqual(['HOST', 'x.example', 'x-One', '1', 'Cookie', 'a', 'X-ONE', '2', ...forwarding]);
});

it('does not let Connection take away Host and framing', () => {
  const raw = ['Host', 'x.example', 'Content-Length', '3', 'Connection', 'host, content-length'];
  expect(requestHeaders(message(raw, 'POST'), target, 'length', stranger)).toEqual(['Host', 'x.example', 'Content-Length', '3', ...forwarding]);
});

it('says outright how the content is framed', () => {
  const framed = (method: string, framing: 'none' | 'chunked'): string[] => requestHeaders(message(['Host', 'x.example'], method), target, framing, stranger)!.slice(8);
  expect(framed('DELETE', 'chunked')).toEqual(['Transfer-Encoding', 'chunked']);
  expect(framed('POST', 'none')).toEqual(['Content-Length', '0']);
  expect(framed('DELETE', 'none')).toEqual([]);
  expect(requestHeaders(message(['Host', 'x.example', 'Trailer', 'X-Sum']), target, 'chunked', stranger)).toContain('Trailer');
});

it('believes forwarding headers of a trusted peer alone', () => {
  const raw = ['Host', 'x.example', 'X-Forwarded-For', '198.51.100.1', 'x-forwarded-for', '192.0.2.1', 'X-Forwarded-Proto', 'https', 'X-Forwarded-Host', 'shop.example', 'Forwarded', 'for=a', 'X-Real-IP', '1.1.1.1', 'X-Forwarded-Port', '443'];
  expect(requestHeaders(message(raw), target, 'none', stranger)).toEqual(['Host', 'x.example', ...forwarding]);
  expect(requestHeaders(message(raw), target, 'none', { ...stranger, trusted: true })).toEqual(['Host', 'x.example', 'X-Forwarded-Proto', 'https', 'X-Forwarded-Host', 'shop.example',
    'Forwarded', 'for=a', 'X-Real-IP', '1.1.1.1', 'X-Forwarded-Port', '443', 'X-Forwarded-For', '198.51.100.1, 192.0.2.1, 203.0.113.9']);
  expect(requestHeaders(message(['Host', 'x.example']), target, 'none', { ...stranger, trusted: true })).toEqual(['Host', 'x.example', ...forwarding]);
});

it('takes one Host, and writes one for HTTP/1.0', () => {
  expect(requestHeaders(message(['Host', 'a', 'Host', 'a']), target, 'none', stranger)).toBeUndefined();
  const bare = message([]);
  Object.defineProperties(bare.socket, { localAddress: { value: '::1' }, localPort: { value: 80 } });
  expect(requestHeaders(bare, { authority: undefined, path: '/' }, 'none', stranger)?.slice(0, 2)).toEqual(['Host', '[::1]:80']);
});

it('reads the framing of a message', () => {
  expect(framingOf(message([]))).toBe('none');
  expect(framingOf(message(['Content-Length', '0']))).toBe('none');
  expect(framingOf(message(['Content-Length', '7']))).toBe('length');
  expect(framingOf(message(['Transfer-Encoding', 'Chunked']))).toBe('chunked');
  expect(framingOf(message(['Transfer-Encoding', 'gzip, chunked']))).toBeUndefined();
});

it('keeps the headers of an answer, and the announcement of trailers only where they can go', () => {
  const raw = ['Set-Cookie', 'a', 'set-cookie', 'b', 'Connection', 'X-Gone', 'x-gone', '1', 'Trailer', 'X-Sum', 'Transfer-Encoding', 'chunked', 'Content-Length', '3', 'Keep-Alive', 'timeout=5'];
  expect(responseHeaders(message(raw), { trailers: true, close: false })).toEqual(['Set-Cookie', 'a', 'set-cookie', 'b', 'Trailer', 'X-Sum']);
  expect(responseHeaders(message(raw), { trailers: false, close: true })).toEqual(['Set-Cookie', 'a', 'set-cookie', 'b', 'Connection', 'close']);
  expect(responseHeaders(message(['Trailer', 'X-Sum', 'Content-Length', '3']), { trailers: true, close: false })).toEqual(['Content-Length', '3']);
  expect(plainHeaders(message(['Link', 'a', 'Connection', 'x-gone', 'X-Gone', '1', 'Upgrade', 'x']))).toEqual(['Link', 'a']);
});

it('leaves framing and routing fields out of trailers', () => {
  expect(trailerPairs(['X-Sum', '1', 'Content-Length', '5', 'Transfer-Encoding', 'chunked', 'Host', 'x', 'X-Sum', '2'])).toEqual([['X-Sum', '1'], ['X-Sum', '2']]);
  expect(acceptsTrailers(message(['TE', 'gzip;q=0.5, Trailers']))).toBe(true);
  expect(acceptsTrailers(message(['TE', 'gzip']))).toBe(false);
});

it('reads request targets', () => {
  const read = (url: string | undefined, method = 'GET') => readTarget({ ...(url === undefined ? {} : { url }), method, headers: { host: 'h' } });
  expect(read('/a?b=%2F&&c#')).toEqual({ authority: 'h', path: '/a?b=%2F&&c#' });
  expect(read('*', 'OPTIONS')).toEqual({ authority: 'h', path: '*' });
  expect(read('*')).toBeUndefined();
  expect(read('HTTP://user:pw@Other.example:81/p?q#f')).toEqual({ authority: 'Other.example:81', path: '/p?q' });
  expect(read('http://other')).toEqual({ authority: 'other', path: '/' });
  expect(read('http://other', 'OPTIONS')).toEqual({ authority: 'other', path: '*' });
  expect(read('https://other?q')).toEqual({ authority: 'other', path: '/?q' });
  expect(read('http:///p')).toBeUndefined();
  expect(read('other:443')).toBeUndefined();
  expect(read(undefined)).toBeUndefined();
  expect([hostName('A.example.:80'), hostName('[::1]:80'), hostName('')]).toEqual(['a.example', '[::1]', '']);
});
