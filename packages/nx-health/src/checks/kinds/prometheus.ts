import * as z from 'zod';
import { exchange } from '../../http/exchange.js';
import type { Finding, HealthStatus } from '../../result.js';
import { kind } from '../kind.js';
import { authorities, tlsShape } from '../tls.js';
import { choice, line, url } from '../values.js';

const COMPARISON = /^(<=|>=|<|>|==|!=)\s*(-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)$/i;
const comparisonError = 'must be a comparison such as "> 0.05"';
const comparison = (description: string, example: string) => z.string({ error: comparisonError }).regex(COMPARISON, { error: comparisonError }).meta({ description, examples: [example] });
const LIMIT = 4 * 1024 ** 2;

export const prometheus = kind({
  name: 'prometheus',
  description: 'A query of Prometheus, or of what speaks its HTTP API, has a value within limits.',
  shape: {
    url: url(['http:', 'https:'], { description: 'Address of the server, without /api/v1.', examples: ['http://127.0.0.1:9090'] }),
    query: line('a query', { description: 'PromQL of a scalar or a vector; each series of a vector is judged.', examples: ['sum(rate(http_requests_total{code=~"5.."}[5m])) / sum(rate(http_requests_total[5m]))'] }),
    unhealthy: comparison('Values that mean unhealthy.', '> 0.05'),
    degraded: comparison('Values that mean degraded.', '> 0.01').optional(),
    noData: choice(['healthy', 'degraded', 'unhealthy'], { description: 'What it means that there is no value, or NaN. Values that are worse win over it.' }).prefault('unhealthy'),
    headers: z.record(z.string(), z.string({ error: 'must be text' }), { error: 'must be an object of headers by name' }).meta({ description: 'Headers that are sent.', examples: [{ authorization: 'Bearer ${PROMETHEUS_TOKEN}' }] }).prefault({}),
    ...tlsShape,
  },
  target: ({ url: address, query }) => `${new URL(address).host}: ${query}`,
  ask: async ({ url: address, query, unhealthy, degraded, noData, headers, ca, verify }, asking, { folder }): Promise<Finding> => {
    const endpoint = new URL(`${new URL(address).pathname.replace(/\/$/, '')}/api/v1/query`, address);
    // Credentials of the address are not taken over by a relative one.
    endpoint.username = new URL(address).username;
    endpoint.password = new URL(address).password;
    endpoint.searchParams.set('query', query);
    const answer = await exchange(endpoint, { method: 'GET', headers: { accept: 'application/json', ...headers }, bodyLimit: LIMIT, tls: await authorities({ ca, verify }, folder) }, asking);
    const values = valuesOf(answer.body.toString('utf8'), answer.code);
    const known = values.filter((value) => !Number.isNaN(value));
    const found = judged(known, unhealthy, degraded);
    // A series without a number hides none that is bad.
    if (found.status === 'unhealthy' || (known.length > 0 && known.length === values.length)) return found;
    return noData === 'unhealthy' || found.status === 'healthy' ? missing(noData, values.length === 0 ? 'the query has no value' : 'a value of the query is not a number') : found;
  },
});

function judged(known: readonly number[], unhealthy: string, degraded: string | undefined): Finding {
  const bad = known.find((value) => holds(value, unhealthy));
  if (bad !== undefined) return { status: 'unhealthy', observed: bad, reason: `the value is ${bad}, unhealthy is ${unhealthy}` };
  const poor = degraded === undefined ? undefined : known.find((value) => holds(value, degraded));
  return poor === undefined ? { status: 'healthy', observed: known[0] ?? 0 } : { status: 'degraded', observed: poor, reason: `the value is ${poor}, degraded is ${degraded ?? ''}` };
}

function missing(status: HealthStatus, reason: string): Finding {
  return status === 'healthy' ? { status } : { status, reason };
}

const sample = z.tuple([z.number(), z.string()]);
/** https://prometheus.io/docs/prometheus/latest/querying/api/#instant-queries */
const document = z.union([
  z.object({ status: z.literal('success'), data: z.union([z.object({ resultType: z.literal('vector'), result: z.array(z.object({ value: sample })) }), z.object({ resultType: z.literal('scalar'), result: sample })]) }),
  z.object({ status: z.literal('error'), errorType: z.string(), error: z.string() }),
]);

function valuesOf(text: string, code: number): readonly number[] {
  let read: z.output<typeof document>;
  try {
    read = document.parse(JSON.parse(text));
  } catch {
    throw new Error(`HTTP ${code}: not the answer to a query of a scalar or a vector`);
  }
  if (read.status === 'error') throw new Error(`${read.errorType}: ${read.error}`);
  return read.data.resultType === 'scalar' ? [numberOf(read.data.result[1])] : read.data.result.map(({ value }) => numberOf(value[1]));
}

/** `NaN`, `+Inf` and `-Inf` are written so. */
function numberOf(text: string): number {
  return text === '+Inf' ? Infinity : text === '-Inf' ? -Infinity : Number(text);
}

function holds(value: number, text: string): boolean {
  const [, operator = '', number = ''] = COMPARISON.exec(text) ?? [];
  const limit = Number(number);
  switch (operator) {
    case '<': return value < limit;
    case '<=': return value <= limit;
    case '>': return value > limit;
    case '>=': return value >= limit;
    case '==': return value === limit;
    default: return value !== limit;
  }
}
