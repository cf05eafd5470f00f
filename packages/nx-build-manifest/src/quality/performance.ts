import { isRecord, parseJson } from '../reading.js';

/** One measurement under load. Only what the report says. */
export interface Performance {
  readonly tool: 'k6' | 'autocannon';
  readonly requests: number;
  /** Answered otherwise than hoped for, or not at all. */
  readonly failed?: number;
  readonly requestsPerSecond: number;
  /** ms */
  readonly latencyMs: Latency;
}

export const LATENCIES = ['average', 'p50', 'p90', 'p95', 'p99', 'max'] as const;
export type Latency = Readonly<Partial<Record<(typeof LATENCIES)[number], number>>>;

type Fields = Readonly<Record<string, unknown>>;

function numberAt(fields: Fields, key: string, path: string): number {
  const value = fields[key];
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) throw new Error(`${path}.${key}: must be a number from 0`);
  return value;
}

function latency(fields: Fields, path: string, keys: Readonly<Record<keyof Latency, string>>): Latency {
  const found = LATENCIES.flatMap((name) => (fields[keys[name]] === undefined ? [] : [[name, numberAt(fields, keys[name], path)] as const]));
  if (found.length === 0) throw new Error(`${path}: has none of ${LATENCIES.map((name) => keys[name]).join(', ')}`);
  return Object.fromEntries(found);
}

const K6 = { average: 'avg', p50: 'med', p90: 'p(90)', p95: 'p(95)', p99: 'p(99)', max: 'max' };
const AUTOCANNON = { average: 'average', p50: 'p50', p90: 'p90', p95: 'p95', p99: 'p99', max: 'max' };

/** k6's `--summary-export`, and the data of its `handleSummary`, in which the figures lie one deeper, in `values`. */
function k6(metrics: Fields): Performance {
  const metric = (name: string): Fields | undefined => {
    const given = metrics[name];
    if (!isRecord(given)) return undefined;
    return isRecord(given['values']) ? given['values'] : given;
  };
  const [requests, durations, failures] = [metric('http_reqs'), metric('http_req_duration'), metric('http_req_failed')];
  if (requests === undefined || durations === undefined) throw new Error('metrics: has no http_reqs and http_req_duration; did the test make HTTP requests?');
  const count = numberAt(requests, 'count', 'metrics.http_reqs');
  // Its counts `passes` and `fails` mean the opposite of what one expects; the share is plain.
  const failed = failures === undefined ? undefined : Math.round(count * numberAt(failures, failures['rate'] === undefined ? 'value' : 'rate', 'metrics.http_req_failed'));
  return {
    tool: 'k6', requests: count, ...(failed === undefined ? {} : { failed }),
    requestsPerSecond: numberAt(requests, 'rate', 'metrics.http_reqs'), latencyMs: latency(durations, 'metrics.http_req_duration', K6),
  };
}

/** autocannon's `--json`. */
function autocannon(document: Fields, requests: Fields, latencies: Fields): Performance {
  return {
    tool: 'autocannon', requests: numberAt(requests, 'total', 'requests'), failed: numberAt(document, 'errors', 'result') + numberAt(document, 'non2xx', 'result'),
    requestsPerSecond: numberAt(requests, 'average', 'requests'), latencyMs: latency(latencies, 'latency', AUTOCANNON),
  };
}

export function performanceOf(text: string): Performance {
  const document = parseJson(text);
  if (isRecord(document) && isRecord(document['metrics'])) return k6(document['metrics']);
  if (isRecord(document) && isRecord(document['requests']) && isRecord(document['latency'])) return autocannon(document, document['requests'], document['latency']);
  throw new Error('is neither a summary of k6 (metrics) nor a result of autocannon (requests, latency)');
}
