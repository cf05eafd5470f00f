/** The header blocks that go on: order, case, duplicates and bytes as they came, without what belongs to one connection. */
import type { IncomingMessage } from 'node:http';
import type { RequestTarget } from './request-target.js';

/** RFC 9110 section 7.6.1, and the older names. `Trailer` is decided by {@link requestHeaders} and {@link responseHeaders}. */
const HOP_BY_HOP = new Set([
  'connection', 'keep-alive', 'proxy-connection', 'proxy-authenticate', 'proxy-authorization', 'te', 'trailer', 'transfer-encoding', 'upgrade',
]);
/** What `Connection` cannot take away: without these the message would mean something else. */
const PROTECTED = new Set(['host', 'content-length', 'expect']);
/** Options of `Connection` that name no header that would be passed on. */
const PLAIN_OPTIONS = new Set(['keep-alive', 'close', 'upgrade', 'te', '']);
/** RFC 9110 section 6.5.1: fields that must not stand in a trailer section. */
const NO_TRAILER = new Set(['host', 'content-length', 'content-type', 'content-encoding', 'content-range', 'cache-control', 'expect', 'authorization', 'set-cookie']);

/** How a request's content is delimited. */
export type Framing = 'none' | 'length' | 'chunked';

/** Undefined for a transfer coding other than chunked, which a server may refuse (RFC 9112 section 6.1). */
export function framingOf(message: Pick<IncomingMessage, 'headers'>): Framing | undefined {
  const coding = message.headers['transfer-encoding'];
  if (coding !== undefined) return coding.toLowerCase() === 'chunked' ? 'chunked' : undefined;
  const length = message.headers['content-length'];
  return length === undefined || Number(length) === 0 ? 'none' : 'length';
}

/** Who the client is, as far as the router knows or believes. */
export interface Peer {
  readonly address: string;
  /** Are the forwarding headers that it sends to be believed? */
  readonly trusted: boolean;
}

/** Headers that tell of the client. Those of an untrusted peer are dropped: a service would take them for ours. */
function isForwarding(lower: string): boolean {
  return lower.startsWith('x-forwarded-') || lower === 'forwarded' || lower === 'x-real-ip';
}

/** Undefined when the request names no single host (RFC 9112 section 3.2), which makes it a bad one. */
export function requestHeaders(request: IncomingMessage, target: RequestTarget, framing: Framing, peer: Peer): string[] | undefined {
  const { rawHeaders, headers } = request;
  const named = namedByConnection(headers.connection);
  const result: string[] = [];
  let hosts = 0;
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? '';
    const lower = name.toLowerCase();
    if (lower === 'host') {
      hosts += 1;
      result.push(name, target.authority ?? '');
    } else if (!HOP_BY_HOP.has(lower) && named?.has(lower) !== true && !replaced(lower, peer)) {
      result.push(name, rawHeaders[index + 1] ?? '');
    } else if (lower === 'trailer' && framing === 'chunked') {
      result.push(name, rawHeaders[index + 1] ?? '');
    }
  }
  if (hosts > 1) return undefined;
  const authority = target.authority ?? ownAuthority(request);
  if (hosts === 0) result.push('Host', authority);
  pushForwarding(result, request, peer, authority);
  pushFraming(result, request, framing);
  return result;
}

/** `X-Forwarded-For` is always written anew; the others of a trusted peer stay. */
function replaced(lower: string, peer: Peer): boolean {
  return lower === 'x-forwarded-for' || (!peer.trusted && isForwarding(lower));
}

function pushForwarding(result: string[], request: IncomingMessage, peer: Peer, authority: string): void {
  const { headers } = request;
  const earlier = peer.trusted ? headers['x-forwarded-for'] : undefined;
  result.push('X-Forwarded-For', earlier === undefined || earlier === '' ? peer.address : `${String(earlier)}, ${peer.address}`);
  if (!peer.trusted || headers['x-forwarded-proto'] === undefined) result.push('X-Forwarded-Proto', 'http');
  if (!peer.trusted || headers['x-forwarded-host'] === undefined) result.push('X-Forwarded-Host', authority);
}

/** Always said outright: Node would guess from the method, and send content of a DELETE without any framing. */
function pushFraming(result: string[], request: IncomingMessage, framing: Framing): void {
  if (framing === 'chunked') result.push('Transfer-Encoding', 'chunked');
  else if (framing === 'none' && request.headers['content-length'] === undefined && !NO_CONTENT_EXPECTED.has(request.method ?? '')) {
    result.push('Content-Length', '0');
  }
}

const NO_CONTENT_EXPECTED = new Set(['GET', 'HEAD', 'DELETE', 'OPTIONS', 'TRACE']);

/** For HTTP/1.0 without Host: an HTTP/1.1 request must have one. */
function ownAuthority(request: IncomingMessage): string {
  const { localAddress = '', localPort = 0 } = request.socket;
  return localAddress.includes(':') ? `[${localAddress}]:${localPort}` : `${localAddress}:${localPort}`;
}

/** Did the client say that it reads trailers? They are passed on either way; some services send them only when asked. */
export function acceptsTrailers(request: Pick<IncomingMessage, 'headers'>): boolean {
  const { te } = request.headers;
  return typeof te === 'string' && te.toLowerCase().split(',').some((coding) => coding.trim() === 'trailers');
}

/** `trailers`: can the answer carry them to this client? Then their announcement stays. */
export function responseHeaders(response: IncomingMessage, options: { readonly trailers: boolean; readonly close: boolean }): string[] {
  const { rawHeaders, headers } = response;
  const chunked = headers['transfer-encoding'] !== undefined;
  const named = namedByConnection(headers.connection);
  const result: string[] = [];
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? '';
    const lower = name.toLowerCase();
    const passes = lower === 'trailer' ? options.trailers && chunked : !HOP_BY_HOP.has(lower) && named?.has(lower) !== true;
    if (passes && !(chunked && lower === 'content-length')) result.push(name, rawHeaders[index + 1] ?? '');
  }
  if (options.close) result.push('Connection', 'close');
  return result;
}

/** A block of an interim answer or of a finished handshake. */
export function plainHeaders(message: { readonly rawHeaders: readonly string[]; readonly headers: { readonly connection?: string | undefined } }): string[] {
  const named = namedByConnection(message.headers.connection);
  return pairs(message.rawHeaders)
    .filter(([name]) => !HOP_BY_HOP.has(name.toLowerCase()) && named?.has(name.toLowerCase()) !== true)
    .flat();
}

/** As `addTrailers` takes them, without fields that have no business there. */
export function trailerPairs(rawTrailers: readonly string[]): [string, string][] {
  return pairs(rawTrailers).filter(([name]) => !HOP_BY_HOP.has(name.toLowerCase()) && !NO_TRAILER.has(name.toLowerCase()));
}

/** One HTTP head as bytes: header values are latin1 on the wire. */
export function headBytes(firstLine: string, headers: readonly string[]): Buffer {
  const lines = pairs(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`${firstLine}\r\n${lines.join('')}\r\n`, 'latin1');
}

function pairs(raw: readonly string[]): [string, string][] {
  return Array.from({ length: raw.length >> 1 }, (_, index) => [raw[2 * index] ?? '', raw[2 * index + 1] ?? '']);
}

function namedByConnection(value: string | undefined): ReadonlySet<string> | undefined {
  if (value === undefined || PLAIN_OPTIONS.has(value)) return undefined;
  const names = value.toLowerCase().split(',').map((name) => name.trim());
  return new Set(names.filter((name) => !PLAIN_OPTIONS.has(name) && !PROTECTED.has(name)));
}
