/** Metrics in the text format of Prometheus, https://prometheus.io/docs/instrumenting/exposition_formats/ */
import type { HealthStatus } from './result.js';

/** How metrics write a status. */
export const VALUES: Readonly<Record<HealthStatus, number>> = { healthy: 1, degraded: 0.5, unhealthy: 0 };

export interface Sample {
  readonly name: string;
  readonly help: string;
  /** `gauge` by default. */
  readonly type?: 'counter';
  readonly values: readonly { readonly labels: Readonly<Record<string, string>>; readonly value: number }[];
}

export function exposition(samples: readonly Sample[]): string {
  return samples.flatMap(({ name, help, type = 'gauge', values }) => [
    `# HELP ${name} ${help}`, `# TYPE ${name} ${type}`,
    ...values.map(({ labels, value }) => `${name}${labelsOf(labels)} ${value}`),
  ]).map((line) => `${line}\n`).join('');
}

function labelsOf(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${value.replace(/[\\"\n]/g, (char) => (char === '\n' ? '\\n' : `\\${char}`))}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}
