/** Reading the request line and Host (RFC 9112 section 3.2, RFC 9110 section 7.2). */
import type { IncomingMessage } from 'node:http';

export interface RequestTarget {
  /** What the client asked for, as it wrote it: `example.com:8080`. Undefined for HTTP/1.0 without Host. */
  readonly authority: string | undefined;
  /** Origin form, query untouched, or `*`. */
  readonly path: string;
}

/** `http://user@host:1/path`: groups authority (without user information) and the rest. */
const ABSOLUTE = /^https?:\/\/(?:[^/?#@]*@)?([^/?#@]+)([^#]*)/i;

/** Undefined when the target has a form that a server of its own resources does not take. */
export function readTarget(request: Pick<IncomingMessage, 'url' | 'method' | 'headers'>): RequestTarget | undefined {
  const url = request.url ?? '';
  if (url.startsWith('/') || (url === '*' && request.method === 'OPTIONS')) return { authority: request.headers.host, path: url };
  const absolute = ABSOLUTE.exec(url);
  if (absolute === null) return undefined;
  const [, authority, rest = ''] = absolute;
  if (rest === '') return { authority, path: request.method === 'OPTIONS' ? '*' : '/' };
  return { authority, path: rest.startsWith('/') ? rest : `/${rest}` };
}

/** Lower-case name of an authority, without port and without the dot of a fully qualified name. */
export function hostName(authority: string): string {
  const name = /^(\[[^\]]*\]|[^:]*)/.exec(authority)?.[0] ?? '';
  return (name.endsWith('.') ? name.slice(0, -1) : name).toLowerCase();
}
