/** The cookie by which the router knows a client again. Its value is an id of the router's own making, and says nothing else. */
import { randomBytes } from 'node:crypto';

/** 128 bits in base64url (RFC 4648 section 5). */
const ID = /^[A-Za-z0-9_-]{22}$/;
const ID_BYTES = 16;

export function newClient(): string {
  return randomBytes(ID_BYTES).toString('base64url');
}

/** What the requests of a client hold for the router, and what of it is for the instance. */
export interface Known {
  /** The first value of the cookie that is an id. */
  readonly client: string | undefined;
  /** The block without the router's cookie; other cookies keep their bytes. */
  readonly headers: readonly string[];
}

/** Takes the cookie out of a flat header block. It may come several times, in several `Cookie` lines, and with any value. */
export function readCookie(headers: readonly string[], cookie: string): Known {
  let client: string | undefined;
  let kept: string[] | undefined;
  for (let index = 0; index + 1 < headers.length; index += 2) {
    const [name = '', value = ''] = [headers[index], headers[index + 1]];
    if (name.length !== 6 || name.toLowerCase() !== 'cookie' || !value.includes(cookie)) {
      kept?.push(name, value);
      continue;
    }
    kept ??= headers.slice(0, index);
    const { ours, others } = apart(value, cookie);
    client ??= ours.find((text) => ID.test(text));
    if (ours.length === 0) kept.push(name, value);
    else if (others.some((pair) => pair.trim() !== '')) kept.push(name, others.join(';').trimStart());
  }
  return { client, headers: kept ?? headers };
}

/** RFC 6265 section 4.2.1, read as servers read it: pairs between semicolons, the name up to the first `=`. */
function apart(value: string, cookie: string): { ours: string[]; others: string[] } {
  const ours: string[] = [];
  const others: string[] = [];
  for (const pair of value.split(';')) {
    const equals = pair.indexOf('=');
    if (equals >= 0 && pair.slice(0, equals).trim() === cookie) ours.push(pair.slice(equals + 1).trim());
    else others.push(pair);
  }
  return { ours, others };
}

/** For as long as the browser runs. `Secure` only where the client came by https: another client would not send it back. */
export function setCookie(cookie: string, client: string, secure: boolean): string {
  return `${cookie}=${client}; Path=/; HttpOnly; SameSite=Lax${secure ? '; Secure' : ''}`;
}
