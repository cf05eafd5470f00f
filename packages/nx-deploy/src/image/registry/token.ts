/** Access tokens by the distribution project's token and OAuth 2 specifications. */
import { DeployError } from '../../errors.js';
import type { Ms } from '../../model/index.js';
import type { Credential } from './credentials.js';
import { connectionFailure, placeOf, statusFailure } from './failures.js';
import { readBody, type Content, type Incoming, type Outgoing } from './transport.js';

export interface TokenQuestion {
  readonly realm: URL;
  readonly service?: string;
  readonly scopes: readonly string[];
  readonly credential?: Credential;
  readonly quiet: Ms;
  readonly redact: (text: string) => string;
}

export interface Token {
  readonly value: string;
  /** When it is asked for anew, by performance.now(). */
  readonly renewAt: Ms;
}

/** What the specification says of an answer without `expires_in`. */
const DEFAULT_LIFE = 60;
const LONGEST_ANSWER = 262_144;
/** Asked for anew that long before its end, or after half of a short life. */
const MARGIN: Ms = 5_000;

/** @throws Passing when another attempt may help, else DeployError ND-REGISTRY-DENIED, -UNREACHABLE or -REFUSED. */
export async function fetchToken(question: TokenQuestion, send: (outgoing: Outgoing) => Promise<Incoming>): Promise<Token> {
  const outgoing = question.credential?.kind === 'identity' ? exchangeRequest(question, question.credential.secret) : plainRequest(question);
  const place = placeOf(outgoing.method, outgoing.url, question.redact);
  let incoming: Incoming;
  try {
    incoming = await send(outgoing);
    if (incoming.status !== 200) throw await statusFailure(incoming, place);
  } catch (thrown) {
    throw connectionFailure(thrown, place);
  }
  const body = await readBody(incoming, LONGEST_ANSWER).catch((error: unknown) => { throw connectionFailure(error, place); });
  const token = parse(body);
  if (token === undefined) throw new DeployError('ND-REGISTRY-REFUSED', { what: 'the token server gave no token', where: place.where, why: 'its answer has neither "token" nor "access_token"', next: 'tell those who run the registry' });
  return token;
}

function plainRequest({ realm, service, scopes, credential, quiet }: TokenQuestion): Outgoing {
  const url = new URL(realm);
  if (service !== undefined) url.searchParams.set('service', service);
  scopes.forEach((scope) => url.searchParams.append('scope', scope));
  const headers = credential?.kind === 'password' ? { authorization: basic(credential) } : {};
  return { method: 'GET', url, headers: { accept: 'application/json', ...headers }, quiet };
}

function exchangeRequest({ realm, service, scopes, quiet }: TokenQuestion, secret: string): Outgoing {
  const form = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: secret, client_id: 'nx-deploy', scope: scopes.join(' '), ...(service === undefined ? {} : { service }) });
  return {
    method: 'POST', url: new URL(realm), quiet, content: contentOf(Buffer.from(form.toString())),
    headers: { accept: 'application/json', 'content-type': 'application/x-www-form-urlencoded' },
  };
}

export function contentOf(bytes: Uint8Array): Content {
  return {
    size: bytes.length,
    async *open() {
      yield bytes;
    },
  };
}

export function basic({ username, secret }: { readonly username: string; readonly secret: string }): string {
  return `Basic ${Buffer.from(`${username}:${secret}`).toString('base64')}`;
}

function parse(body: Buffer | undefined): Token | undefined {
  let value: unknown;
  try {
    value = JSON.parse(body?.toString('utf8') ?? '');
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { token, access_token: access, expires_in: life } = value as Record<string, unknown>;
  const text = [token, access].find((one) => typeof one === 'string' && /^[\x21-\x7e]+$/.test(one));
  if (typeof text !== 'string') return undefined;
  const ms = (typeof life === 'number' && life > 0 ? life : DEFAULT_LIFE) * 1_000;
  return { value: text, renewAt: performance.now() + Math.max(ms - MARGIN, ms * 0.5) };
}

