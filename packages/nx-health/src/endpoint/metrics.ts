/** Metrics of health, for Prometheus. */
import { exposition, VALUES, type Sample } from '../prometheus-text.js';
import type { Health, HealthReport, ServiceFacts } from './health.js';

function samplesOf({ status, draining, components, uptimeMs }: HealthReport, facts: ServiceFacts): readonly Sample[] {
  const each = (value: (state: HealthReport['components'][string]) => number): Sample['values'] => Object.entries(components).map(([component, state]) => ({ labels: { component }, value: value(state) }));
  return [
    { name: 'health_status', help: 'Health of the service: 1 healthy, 0.5 degraded, 0 unhealthy.', values: [{ labels: {}, value: VALUES[status] }] },
    { name: 'health_draining', help: '1 while the service takes no new requests.', values: [{ labels: {}, value: draining ? 1 : 0 }] },
    { name: 'health_component_status', help: 'Health of a component: 1 healthy, 0.5 degraded, 0 unhealthy.', values: each((state) => VALUES[state.status]) },
    { name: 'health_component_check_seconds', help: 'How long its last check took.', values: each(({ ms }) => ms / 1_000) },
    { name: 'health_component_checked_timestamp_seconds', help: 'When it was last checked, seconds since 1970.', values: each(({ time }) => time / 1_000) },
    { name: 'health_uptime_seconds', help: 'Since the start of the process.', values: [{ labels: {}, value: uptimeMs / 1_000 }] },
    {
      name: 'health_info', help: 'What runs.',
      values: [{ labels: Object.fromEntries(Object.entries({ service: facts.name, version: facts.version, release: facts.release }).filter((pair): pair is [string, string] => pair[1] !== undefined)), value: 1 }],
    },
  ];
}

export function metricsText(report: HealthReport, facts: ServiceFacts): string {
  return exposition(samplesOf(report, facts));
}

/** The part of prom-client (https://github.com/siimon/prom-client) that is needed: hand its module in. */
export interface PromClient {
  readonly Gauge: new (configuration: {
    name: string; help: string; labelNames: string[]; registers?: never[];
    collect: (this: { reset(): void; set(labels: Record<string, string>, value: number): void }) => void | Promise<void>;
  }) => unknown;
}

/** Adds the gauges to the default registry of prom-client, asked for whenever it is read. */
export function collectHealth(health: Health, { Gauge }: PromClient): void {
  const labels: Readonly<Record<string, string[]>> = { health_component_status: ['component'], health_component_check_seconds: ['component'], health_component_checked_timestamp_seconds: ['component'], health_info: ['service', 'version', 'release'] };
  for (const { name, help } of samplesOf({ status: 'healthy', draining: false, components: {}, uptimeMs: 0 }, health.facts)) {
    new Gauge({
      name, help, labelNames: labels[name] ?? [],
      async collect() {
        const sample = samplesOf(await health.report(), health.facts).find((one) => one.name === name);
        this.reset();
        for (const { labels: own, value } of sample?.values ?? []) this.set({ ...own }, value);
      },
    });
  }
}
