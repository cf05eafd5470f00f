/** `/health`, `/ready` and `/live` on node:http, and on every framework whose requests and answers are those of node:http. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { performance } from 'node:perf_hooks';
import type { HealthStatus } from '../result.js';
import { detailedDocument, standardDocument } from './documents.js';
import { createHealth, type Health, type HealthOptions, type HealthReport } from './health.js';
import { metricsText } from './metrics.js';

export interface EndpointPaths {
  /** `/health` by default; `<health>/<group>` is a group of it. */
  readonly health?: string;
  /** `/ready` by default: 200, or 503 while the service drains or lacks what it cannot do without. */
  readonly ready?: string;
  /** `/live` by default: 200 as long as the process answers. It asks no component: nothing outside is a reason to start a process anew. */
  readonly live?: string;
  /** None by default; `/metrics`, say, for Prometheus. */
  readonly metrics?: string;
}

export interface EndpointOptions extends HealthOptions {
  readonly paths?: EndpointPaths;
  /** 200, 206 and 503 by default. A balancer that takes 200 alone for healthy wants `{ degraded: 200 }`. */
  readonly statusCodes?: Partial<Readonly<Record<HealthStatus, number>>>;
  /** Who is told of components, versions and memory; `never` by default. A token is sent as `authorization: Bearer <token>`. Metrics are details. */
  readonly details?: 'always' | 'never' | { readonly token: string };
}

export interface Endpoint {
  readonly health: Health;
  /** Answers when the path is one of its own, and only then returns true. */
  handle(request: IncomingMessage, response: ServerResponse): boolean;
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: Buffer;
}

const JSON_TYPE = 'application/json; charset=utf-8';
const STANDARD_TYPE = 'application/health+json';
const CODES: Readonly<Record<HealthStatus, number>> = { healthy: 200, degraded: 206, unhealthy: 503 };
/** An answer is written anew at least so often, for its uptime. */
const SAME_MS = 1_000;

/** @throws RangeError for options that can never work */
export function createEndpoint({ paths = {}, statusCodes = {}, details = 'never', ...options }: EndpointOptions = {}): Endpoint {
  const health = createHealth(options);
  const codes = { ...CODES, ...statusCodes };
  for (const code of Object.values(codes)) if (!Number.isInteger(code) || code < 200 || code > 599) throw new RangeError(`a status must be a whole number from 200 to 599, got ${code}`);
  const at = { health: '/health', ready: '/ready', live: '/live', ...paths };
  const allowed = allowance(details);
  const write = writer(health, codes, Object.fromEntries(Object.entries(options.components ?? {}).map(([name, { type }]) => [name, type])));
  const route = (path: string): ((request: IncomingMessage) => Answer | Promise<Answer>) | undefined => {
    if (path === at.live) return () => LIVE;
    if (path === at.ready) return async () => (await health.ready() ? READY : NOT_READY);
    if (path === at.metrics) return async (request) => (allowed(request) ? { status: 200, type: 'text/plain; version=0.0.4; charset=utf-8', body: Buffer.from(metricsText(await health.report(), health.facts)) } : REFUSED);
    if (path === at.health) return (request) => write(undefined, wantsStandard(request), allowed(request));
    const group = path.startsWith(`${at.health}/`) ? path.slice(at.health.length + 1) : undefined;
    return group !== undefined && health.groups.has(group) ? (request) => write(group, wantsStandard(request), allowed(request)) : undefined;
  };
  return {
    health,
    handle: (request, response) => {
      const answer = route((request.url ?? '/').split('?', 1)[0] ?? '/');
      if (answer === undefined) return false;
      if (request.method !== 'GET' && request.method !== 'HEAD') send(request, response, NOT_ALLOWED);
      else void Promise.resolve(answer(request)).then((found) => send(request, response, found), () => response.destroy());
      return true;
    },
  };
}

/** Documents are written once for the same results: under load an answer costs no more than sending it. */
function writer(health: Health, codes: Readonly<Record<HealthStatus, number>>, types: Readonly<Record<string, string | undefined>>): (group: string | undefined, standard: boolean, details: boolean) => Answer | Promise<Answer> {
  const written = new Map<string, { readonly report: HealthReport; readonly answer: Answer; readonly until: number }>();
  const made = (key: string, report: HealthReport, standard: boolean, details: boolean): Answer => {
    const document = standard ? standardDocument(report, health.facts, types, details) : detailedDocument(report, health.facts, details);
    const answer = { status: codes[report.status], type: standard ? STANDARD_TYPE : JSON_TYPE, body: Buffer.from(`${JSON.stringify(document)}\n`) };
    written.set(key, { report, answer, until: performance.now() + SAME_MS });
    return answer;
  };
  return (group, standard, details) => {
    const key = `${standard ? 's' : 'j'}${details ? 'd' : 'b'}${group ?? ''}`;
    const known = health.known(group);
    if (known === undefined) return health.report(group).then((report) => made(key, report, standard, details));
    const before = written.get(key);
    return before !== undefined && performance.now() < before.until && isSame(before.report, known) ? before.answer : made(key, known, standard, details);
  };
}

function isSame(one: HealthReport, other: HealthReport): boolean {
  if (one.draining !== other.draining) return false;
  for (const name in one.components) if (one.components[name] !== other.components[name]) return false;
  return true;
}

/** The draft's form only for those who name it; everybody else gets JSON. */
function wantsStandard({ headers: { accept } }: IncomingMessage): boolean {
  return accept !== undefined && accept.includes(STANDARD_TYPE);
}

function allowance(details: NonNullable<EndpointOptions['details']>): (request: IncomingMessage) => boolean {
  if (typeof details === 'string') return () => details === 'always';
  // Who writes no TypeScript hands on a variable that is not set: `Bearer undefined` would open everything.
  if (typeof details.token !== 'string' || details.token === '') throw new RangeError('the token for details is empty');
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  const wanted = digest(`Bearer ${details.token}`);
  return ({ headers: { authorization } }) => authorization !== undefined && timingSafeEqual(digest(authorization), wanted);
}

function fixed(status: number, document: object): Answer {
  return { status, type: JSON_TYPE, body: Buffer.from(`${JSON.stringify(document)}\n`) };
}

const LIVE = fixed(200, { status: 'live' });
const READY = fixed(200, { status: 'ready' });
const NOT_READY = fixed(503, { status: 'not ready' });
const REFUSED = fixed(401, { error: 'unauthorized' });
const NOT_ALLOWED = fixed(405, { error: 'method not allowed' });

function send(request: IncomingMessage, response: ServerResponse, { status, type, body }: Answer): void {
  if (response.headersSent || response.destroyed) return;
  response.writeHead(status, {
    'content-type': type, 'content-length': body.length, 'cache-control': 'no-store',
    ...(status === 405 ? { allow: 'GET, HEAD' } : {}), ...(status === 401 ? { 'www-authenticate': 'Bearer' } : {}),
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}
