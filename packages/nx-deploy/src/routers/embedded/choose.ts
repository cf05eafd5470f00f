/** What a request says of the release that it is for: a tester's header, then the cookie of its client, then nothing. */
import type { IncomingMessage } from 'node:http';
import type { Route } from '../router.js';
import type { Head } from './admit.js';
import type { Balance, Wish } from './balance.js';
import { newClient, readCookie, setCookie } from './sticky.js';

export interface Choice {
  readonly wish: Wish | undefined;
  /** For the instance. */
  readonly headers: readonly string[];
  /** `Set-Cookie` for the client. */
  readonly cookie: string | undefined;
}

export type Choosing = (request: Pick<IncomingMessage, 'headers'>, head: Head, balance: Balance) => Choice;

/** Undefined when the weights alone decide. */
export function choosing({ sticky, testers }: Pick<Route, 'sticky' | 'testers'>): Choosing | undefined {
  if (sticky === undefined && testers === undefined) return undefined;
  return (request, head, balance) => {
    const named = testers && tester(request, testers, balance);
    if (sticky === undefined) return { wish: named, headers: head.headers, cookie: undefined };
    const { client, headers } = readCookie(head.headers, sticky.cookie);
    if (named !== undefined) return { wish: client === undefined ? named : { ...named, client }, headers, cookie: undefined };
    // With one release there is nothing to remember.
    if (balance.choices < 2) return { wish: undefined, headers, cookie: undefined };
    if (client !== undefined) return { wish: { client }, headers, cookie: undefined };
    const created = newClient();
    return { wish: { client: created }, headers, cookie: setCookie(sticky.cookie, created, head.secure) };
  };
}

/** As `canary-by-header` of the nginx ingress, and the id of a release besides. What names no release that has a target is ignored. */
function tester({ headers }: Pick<IncomingMessage, 'headers'>, { header, arriving }: NonNullable<Route['testers']>, balance: Balance): Wish | undefined {
  const value = headers[header.toLowerCase()];
  if (typeof value !== 'string') return undefined;
  if (value === 'never') return arriving === undefined ? undefined : { except: arriving };
  const release = value === 'always' ? arriving : value;
  return release !== undefined && balance.serves(release) ? { release } : undefined;
}
