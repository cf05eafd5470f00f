/** What a monitor knows, for Prometheus, on loopback alone. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { overall } from '../checks/run-checks.js';
import { errorCode, HealthError } from '../errors.js';
import { exposition, VALUES } from '../prometheus-text.js';
import type { HealthStatus } from '../result.js';
import type { Sample } from './monitor.js';

export interface MetricsServer {
  readonly port: number;
  /** For the counters. */
  count(sample: Sample): void;
  close(): Promise<void>;
}

/** `port` 0: any that is free. `all`: how many checks there are; before each has a sample nothing is said of all together. @throws HealthError when it is taken */
export async function serveMetrics(port: number, all: number, samples: () => readonly Sample[]): Promise<MetricsServer> {
  const counted = new Map<string, Record<HealthStatus, number>>();
  const server = createServer((request, response) => {
    const known = (request.url ?? '').split('?', 1)[0] === '/metrics';
    if (!known || (request.method !== 'GET' && request.method !== 'HEAD')) response.writeHead(known ? 405 : 404).end();
    else response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }).end(text(samples(), all, counted));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => { reject(new HealthError({ what: `the metrics cannot be served on port ${port}: ${errorCode(error)}`, next: 'name another port by --metricsPort' }, { cause: error })); });
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    count: ({ check, result }) => {
      const own = counted.get(check.name) ?? { healthy: 0, degraded: 0, unhealthy: 0 };
      own[result.status] += 1;
      counted.set(check.name, own);
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function text(samples: readonly Sample[], all: number, counted: ReadonlyMap<string, Readonly<Record<HealthStatus, number>>>): string {
  const each = (value: (sample: Sample) => number | undefined) => samples.flatMap((sample) => {
    const { check: { name, kind, severity } } = sample;
    const found = value(sample);
    return found === undefined ? [] : [{ labels: { check: name, kind, severity }, value: found }];
  });
  return exposition([
    { name: 'health_status', help: 'All checks together: 1 healthy, 0.5 degraded, 0 unhealthy.', values: samples.length < all ? [] : [{ labels: {}, value: VALUES[overall(samples.map(({ check, shown }) => ({ check, result: shown })))] }] },
    { name: 'health_check_status', help: 'A check as it counts: 1 healthy, 0.5 degraded, 0 unhealthy.', values: each(({ shown }) => VALUES[shown.status]) },
    { name: 'health_check_seconds', help: 'How long it took.', values: each(({ result }) => result.ms / 1_000) },
    { name: 'health_check_observed', help: 'What it measured, in the unit of its kind.', values: each(({ result }) => result.observed) },
    { name: 'health_check_timestamp_seconds', help: 'When it was last asked, seconds since 1970.', values: each(({ time }) => time / 1_000) },
    {
      name: 'health_checks_total', help: 'Results since the monitor began.', type: 'counter',
      values: [...counted].flatMap(([check, counts]) => Object.entries(counts).map(([result, value]) => ({ labels: { check, result }, value }))),
    },
  ]);
}
