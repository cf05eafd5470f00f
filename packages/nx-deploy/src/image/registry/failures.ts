/** What a failed request means, in the words of the user. */
import { DeployError, errorCode, type ErrorParts } from '../../errors.js';
import { isPassingError, isPassingStatus, Passing, retryAfter } from './retry.js';
import { plain, printable } from './plain.js';
import { readBody, SourceError, type Incoming } from './transport.js';
import { ProxyRefusal } from './tunnel.js';

/** The end of a request: where it went, and what hides secrets in what others say. */
export interface Place {
  /** Of the request, `GET https://host/path`. */
  readonly where: string;
  readonly redact: (text: string) => string;
}

const LONGEST_ANSWER = 16_384;
const CERTIFICATES: Readonly<Record<string, string>> = {
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is signed by an authority that is not trusted here',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is signed by itself',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate is signed by an authority that is not trusted here',
  UNABLE_TO_GET_ISSUER_CERT: 'its certificate is signed by an authority that is not trusted here',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its certificate is signed by an authority that is not trusted here',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet; is the clock right?',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another host name',
  CERT_REVOKED: 'its certificate was revoked',
};

/** Is the reason the certificate, so that the other side does speak TLS? */
export function isCertificateError(thrown: unknown): boolean {
  return Object.hasOwn(CERTIFICATES, errorCode(thrown) ?? '') || /^CERT_/.test(errorCode(thrown) ?? '');
}

/** What `send` rejected with, as an error to throw: {@link Passing} when another attempt may help. */
export function connectionFailure(thrown: unknown, { where }: Place): Error {
  if (thrown instanceof DeployError || thrown instanceof Passing) return thrown;
  if (thrown instanceof SourceError) {
    return new DeployError('ND-REGISTRY-DAMAGED', { what: 'what is to be pushed cannot be read', where, why: plain(thrown.message), next: 'build the image again' }, { cause: thrown });
  }
  if (thrown instanceof ProxyRefusal) return proxyFailure(thrown, where);
  const code = errorCode(thrown) ?? '';
  if (isCertificateError(thrown)) {
    return unreachable({ where, why: CERTIFICATES[code] ?? plain(code), next: 'set NODE_EXTRA_CA_CERTS to the file (PEM) of the authority\'s certificate, or correct the certificate of the registry' }, thrown);
  }
  if (code === 'EPROTO' || code.startsWith('ERR_SSL') || code.startsWith('ERR_TLS')) {
    return unreachable({ where, why: 'it does not speak TLS there, or none that is safe', next: 'check host and port; a registry without TLS must be allowed by name' }, thrown);
  }
  if (code === 'ENOTFOUND') return unreachable({ where, why: 'there is no such host', next: 'check the name, and HTTPS_PROXY when there is a proxy' }, thrown);
  const why = thrown instanceof Error || typeof thrown === 'object' && thrown !== null && 'message' in thrown ? plain(String(thrown.message)) : 'no reason given';
  const error = unreachable({ where, why: code === '' || why.includes(code) ? why : `${why} (${plain(code)})`, next: 'check the address and the network, HTTPS_PROXY and NO_PROXY; then run the command again' }, thrown);
  return isPassingError(thrown) ? new Passing(error) : error;
}

function unreachable(parts: Omit<ErrorParts, 'what'>, cause: unknown): DeployError {
  return new DeployError('ND-REGISTRY-UNREACHABLE', { what: 'the registry cannot be reached', ...parts }, { cause });
}

function proxyFailure(refusal: ProxyRefusal, where: string): Error {
  const why = refusal.status === 407 ? 'the proxy asks for a user and password' : refusal.message;
  const error = unreachable({ where, why, next: 'check HTTPS_PROXY (a user and password stand in its address), or name the registry in NO_PROXY' }, refusal);
  return isPassingStatus(refusal.status) ? new Passing(error) : error;
}

/** What an answer that is no success means. Reads the rest of it. */
export async function statusFailure(incoming: Incoming, place: Place): Promise<Error> {
  const { status, headers } = incoming;
  const said = await words(incoming, place);
  const why = `it answered ${status}${said === '' ? '' : `: ${said}`}`;
  if (isPassingStatus(status)) {
    const error = new DeployError('ND-REGISTRY-UNREACHABLE', { what: 'the registry does not do its work', where: place.where, why, next: 'run the command again later; what was transferred is not transferred twice' });
    return new Passing(error, retryAfter(headers['retry-after']));
  }
  if (status === 401 || status === 403) return denied(place.where, why);
  if (status === 404) {
    return new DeployError('ND-REGISTRY-NOT-FOUND', { what: 'the registry does not have it', where: place.where, why, next: 'check name and tag, log in if it is private; some registries want the repository to be made before the first push' });
  }
  return new DeployError('ND-REGISTRY-REFUSED', { what: 'the registry refused the request', where: place.where, why, next: 'do what the registry says; repeating does not help' });
}

export function denied(where: string, why: string): DeployError {
  const host = /\/\/([^/]+)/.exec(where)?.[1] ?? 'the registry';
  return new DeployError('ND-REGISTRY-DENIED', { what: 'the registry denies access', where, why, next: `docker login ${host} (or podman login) with a user who may do this` });
}

/** The registry's own words: `errors` of the distribution specification, else the beginning of the text. */
async function words(incoming: Incoming, { redact }: Place): Promise<string> {
  const body = await readBody(incoming, LONGEST_ANSWER).catch(() => undefined);
  const text = redact(body?.toString('utf8') ?? '');
  try {
    const value: unknown = JSON.parse(text);
    const errors = typeof value === 'object' && value !== null && 'errors' in value && Array.isArray(value.errors) ? value.errors as unknown[] : [];
    const lines = errors.slice(0, 3).flatMap((error) => (typeof error === 'object' && error !== null ? [error as Record<string, unknown>] : []))
      .map(({ code, message }) => [code, message].filter((part) => typeof part === 'string' && part !== '').join(' '));
    if (lines.length > 0) return plain(lines.join('; '));
    // What a token server says.
    const details = typeof value === 'object' && value !== null && 'details' in value ? value.details : undefined;
    return typeof details === 'string' ? plain(details) : '';
  } catch {
    return /^\s*</.test(text) ? '' : plain(text.trim(), 200);
  }
}

export function placeOf(method: string, url: URL, redact: (text: string) => string): Place {
  return { where: `${method} ${printable(url)}`, redact };
}
