/** What is decided on a request before a target is chosen: is it well formed, whose is it, and which headers go on. */
import type { IncomingMessage } from 'node:http';
import { acceptsTrailers, framingOf, requestHeaders, type Framing, type Peer } from './headers.js';
import { hostName, readTarget } from './request-target.js';
import type { Service } from './service.js';

export interface Head {
  readonly path: string;
  readonly headers: readonly string[];
  readonly framing: Framing;
  /** Does the client read trailers? */
  readonly trailers: boolean;
  /** The router itself is to say `100 Continue`. */
  readonly continues: boolean;
  /** The client came by https, as a trusted proxy says. */
  readonly secure: boolean;
}

export type Admission =
  | { readonly service: Service; readonly head: Head }
  | { readonly refusal: number; readonly text: string };

/** Is a forwarding header of this address to be believed? */
export type Trust = (address: string) => boolean;

export function admit(request: IncomingMessage, find: (host: string) => Service | undefined, trust: Trust): Admission {
  const target = readTarget(request);
  if (target === undefined) return { refusal: 400, text: 'Bad Request: the request target has no form that this server takes.' };
  const framing = framingOf(request);
  if (framing === undefined) return { refusal: 501, text: 'Not Implemented: the only transfer coding taken here is chunked.' };
  const peer = peerOf(request, trust);
  const headers = requestHeaders(request, target, framing, peer);
  if (headers === undefined) return { refusal: 400, text: 'Bad Request: more than one Host.' };
  const service = find(hostName(target.authority ?? ''));
  if (service === undefined) return { refusal: 404, text: 'Not Found: no service answers at this address.' };
  const continues = request.headers.expect !== undefined && headers.some((text) => NOT_ASCII.test(text));
  const head = {
    path: target.path, headers: continues ? withoutExpect(headers) : headers, framing, trailers: acceptsTrailers(request), continues, secure: peer.trusted && byHttps(request),
  };
  return { service, head };
}

/** node:http sends the head of a request with `Expect` as UTF-8, so such bytes would not arrive as they came. */
const NOT_ASCII = /[\u0080-\u00ff]/;

function withoutExpect(headers: readonly string[]): string[] {
  return headers.filter((_text, index) => headers[index - (index % 2)]?.toLowerCase() !== 'expect');
}

/** Of a list the first was said by the proxy that the client talked to. */
function byHttps({ headers }: IncomingMessage): boolean {
  const proto = headers['x-forwarded-proto'];
  return typeof proto === 'string' && /^\s*https\s*(,|$)/i.test(proto);
}

function peerOf(request: IncomingMessage, trust: Trust): Peer {
  const seen = request.socket.remoteAddress ?? '';
  const address = seen.startsWith('::ffff:') ? seen.slice('::ffff:'.length) : seen;
  return { address, trusted: trust(address) };
}
