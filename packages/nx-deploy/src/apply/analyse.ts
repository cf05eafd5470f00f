import { DeployError } from '../errors.js';
import { formatDuration, type Metrics, type Ms, type ReleaseId, type Rule } from '../model/index.js';
import type { Subject } from './gates.js';
import type { Hands } from './hands.js';

/** Fewer requests say nothing about a release. */
export const FEWEST_REQUESTS = 20;

/**
 * Judges what the router counted for the arriving releases during the last `window` ms. Too few requests are inconclusive: told, and passed.
 * @throws DeployError ND-GATE-FAILED naming every rule that a release broke.
 */
export async function analyse(hands: Hands, rules: readonly Rule[], window: Ms, { arriving, stable }: Subject): Promise<void> {
  if (rules.length === 0) return;
  const reference = stable === undefined ? undefined : await counted(hands, stable, window);
  const problems: string[] = [];
  for (const release of arriving) {
    const metrics = await counted(hands, release, window);
    if (metrics === undefined) {
      hands.emit({ type: 'note', text: `release ${release} had fewer than ${FEWEST_REQUESTS} requests in ${formatDuration(window)}: inconclusive, not analysed` });
      continue;
    }
    for (const rule of rules) {
      if (rule.of === 'stable' && reference === undefined) {
        hands.emit({ type: 'note', text: `nothing to compare ${rule.metric} of release ${release} with: inconclusive` });
        continue;
      }
      const problem = broken(rule, metrics, reference);
      if (problem !== undefined) problems.push(`${release}: ${problem}`);
    }
  }
  if (problems.length === 0) return;
  throw new DeployError('ND-GATE-FAILED', { what: 'the new release did worse than its rules allow', problems, next: 'look at its logs; deploy again when it is fixed' });
}

async function counted({ platform, bounds }: Hands, release: ReleaseId, window: Ms): Promise<Metrics | undefined> {
  const metrics = await bounds.ask(async () => platform.metrics?.(release, window));
  return metrics === undefined || metrics.requests < FEWEST_REQUESTS ? undefined : metrics;
}

/** No errors and no latency break no rule, also where the stable release has none. */
function broken(rule: Rule, metrics: Metrics, reference: Metrics | undefined): string | undefined {
  const value = valueOf(rule, metrics);
  const limit = rule.of === 'stable' ? rule.below * valueOf(rule, reference ?? metrics) : rule.below;
  if (value < limit || value === 0) return undefined;
  return `${rule.metric} ${text(rule, value)} is not below ${text(rule, limit)}${rule.of === 'stable' ? ` (${rule.below}x stable)` : ''}`;
}

function valueOf({ metric }: Rule, { requests, errors, latency }: Metrics): number {
  switch (metric) {
    case 'errorRate': return requests === 0 ? 0 : errors / requests;
    case 'latencyP50': return latency.p50;
    case 'latencyP95': return latency.p95;
    case 'latencyP99': return latency.p99;
  }
}

function text({ metric }: Rule, value: number): string {
  return metric === 'errorRate' ? `${Number((value * 100).toFixed(2))}%` : formatDuration(value);
}
