import { validateHeaderName, validateHeaderValue } from 'node:http';
import * as z from 'zod';
import type { Asking } from '../../attempt.js';
import type { Finding, HealthStatus } from '../../result.js';
import { disappointment } from '../../http/expectation.js';
import { follow } from '../../http/follow.js';
import { BODY_LIMIT, judge } from '../../http/check-http.js';
import { parseJsonPath } from '../../http/json-path.js';
import { expirySection, judgeExpiry } from '../expiry.js';
import { kind } from '../kind.js';
import { authorities, tlsShape } from '../tls.js';
import { choice, flag, pattern, section, statuses, url, whole } from '../values.js';

const headerRule = 'must be a value that a header can have';
const headers = z.record(z.string().refine((name) => !throws(() => validateHeaderName(name)), { error: 'must be the name of a header' }), z.string({ error: headerRule }).refine((value) => !throws(() => validateHeaderValue('x', value)), { error: headerRule }), { error: 'must be an object of headers by name' });

const wishError = 'must be a value, or an object with "matches" or "exists"';
const wish = z.union([z.string(), z.number(), z.boolean(), z.null(), section({ matches: pattern({ description: 'Pattern of the text there.' }) }), section({ exists: flag({ description: 'Whether there may be anything.' }) })], { error: wishError });

export const http = kind({
  name: 'http',
  description: 'An address answers as it must: status, headers, body, certificate.',
  shape: {
    url: url(['http:', 'https:'], { description: 'Address.', examples: ['http://127.0.0.1:8080/health'] }),
    method: choice(['GET', 'HEAD', 'OPTIONS'], { description: 'Method.' }).prefault('GET'),
    headers: headers.meta({ description: 'Headers that are sent.', examples: [{ authorization: 'Bearer ${HEALTH_TOKEN}' }] }).prefault({}),
    healthy: statuses({ description: 'Statuses that mean healthy.' }).prefault('200-299'),
    degraded: statuses({ description: 'Statuses that mean degraded; they win over healthy. none: no status does.' }).prefault('206'),
    expectHeaders: z.record(z.string(), pattern({ description: 'Pattern.' }), { error: 'must be an object of patterns by name of a header' }).meta({ description: 'Patterns that headers of the answer must match.', examples: [{ 'content-type': '^application/json' }] }).prefault({}),
    expectBody: pattern({ description: 'Pattern that the body must match.', examples: ['ready'] }).optional(),
    expectJson: z.record(z.string().refine((path) => parseJsonPath(path) !== undefined, { error: 'must be a place in JSON such as $.checks[0].status' }), wish, { error: 'must be an object of values by their place' })
      .meta({ description: 'Values by their place in the JSON of the body.', examples: [{ '$.status': 'ok', '$.checks[0].name': { matches: '^db' } }] }).prefault({}),
    bodyLimit: whole(1, 64 * 1024 ** 2, { description: `Bytes that the body may have. Left out, ${BODY_LIMIT} are read, and more is a failure only where the body is looked into.` }).optional(),
    redirects: whole(0, 20, { description: 'Redirects that are followed; 0: an answer that redirects is judged as it is.' }).prefault(0),
    http2: flag({ description: 'Speak HTTP/2.' }).prefault(false),
    certificate: expirySection.meta({ description: 'How long the certificate must be good for.', examples: [{ degraded: '21d', unhealthy: '3d' }] }).optional(),
    ...tlsShape,
  },
  target: ({ url: address }) => shown(new URL(address)),
  ask: async ({ url: address, method, headers: own, healthy, degraded, expectHeaders, expectBody, expectJson, bodyLimit, redirects, http2, certificate, ca, verify }, asking: Asking, { folder }) => {
    const sent = { method, headers: { accept: '*/*', ...own }, bodyLimit: bodyLimit ?? BODY_LIMIT, tls: await authorities({ ca, verify }, folder) };
    const { answer } = await follow(new URL(address), { sent, http2, redirects }, asking);
    const found: Finding[] = [judge(answer, { healthy, degraded })];
    if (bodyLimit !== undefined && !answer.whole) found.push(unhealthy(`the body is larger than ${bodyLimit} bytes`));
    const missing = disappointment({ headers: expectHeaders, json: expectJson, ...(expectBody === undefined ? {} : { body: expectBody }) }, answer, sent.bodyLimit);
    if (missing !== undefined) found.push(unhealthy(missing));
    if (certificate !== undefined) found.push(answer.validTo === undefined ? unhealthy('the answer came without a certificate') : judgeExpiry(answer.validTo, certificate));
    return worst(found);
  },
});

const BADNESS: readonly HealthStatus[] = ['healthy', 'degraded', 'unhealthy'];

/** The first of those that are worst: the status says more than what follows from it. */
function worst(found: readonly Finding[]): Finding {
  return found.reduce((one, other) => (BADNESS.indexOf(other.status) > BADNESS.indexOf(one.status) ? other : one));
}

function unhealthy(reason: string): Finding {
  return { status: 'unhealthy', reason };
}

/** Without credentials and query. */
function shown({ protocol, host, pathname }: URL): string {
  return `${protocol}//${host}${pathname}`;
}

function throws(call: () => void): boolean {
  try {
    call();
    return false;
  } catch {
    return true;
  }
}
