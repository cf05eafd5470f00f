/** What an answer says, in the form that was asked for. */
import type { HealthStatus } from '../result.js';
import type { HealthReport, ServiceFacts } from './health.js';

const NAMES: Readonly<Record<HealthStatus, string>> = { healthy: 'HEALTHY', degraded: 'DEGRADED', unhealthy: 'UNHEALTHY' };
/** draft-inadarei-api-health-check-06, 3.1 */
const STANDARD: Readonly<Record<HealthStatus, string>> = { healthy: 'pass', degraded: 'warn', unhealthy: 'fail' };

/** `details`: components with reasons, version and memory; without it only how it is. */
export function detailedDocument({ status, draining, components, uptimeMs }: HealthReport, { name, version, release }: ServiceFacts, details: boolean): object {
  const brief = { status: NAMES[status], ...(draining ? { draining } : {}) };
  if (!details) return brief;
  const { rss, heapUsed, heapTotal } = process.memoryUsage();
  return {
    ...brief,
    ...(name === undefined ? {} : { service: name }), ...(version === undefined ? {} : { version }), ...(release === undefined ? {} : { release }),
    uptime: Math.round(uptimeMs / 1_000),
    components: Object.fromEntries(Object.entries(components).map(([component, { status: own, time, ...state }]) => [component, { status: NAMES[own], ...state, time: new Date(time).toISOString() }])),
    metrics: { rssBytes: rss, heapUsedBytes: heapUsed, heapTotalBytes: heapTotal },
  };
}

/** `application/health+json`, https://datatracker.ietf.org/doc/html/draft-inadarei-api-health-check-06 */
export function standardDocument({ status, components }: HealthReport, { name, version, release }: ServiceFacts, types: Readonly<Record<string, string | undefined>>, details: boolean): object {
  const brief = { status: STANDARD[status] };
  if (!details) return brief;
  return {
    ...brief,
    ...(version === undefined ? {} : { version }), ...(release === undefined ? {} : { releaseId: release }), ...(name === undefined ? {} : { serviceId: name }),
    checks: Object.fromEntries(Object.entries(components).map(([component, state]) => [component, [{
      ...(types[component] === undefined ? {} : { componentType: types[component] }), status: STANDARD[state.status], time: new Date(state.time).toISOString(),
      ...(state.observed === undefined ? {} : { observedValue: state.observed }), ...(state.unit === undefined ? {} : { observedUnit: state.unit }),
      ...(state.reason === undefined ? {} : { output: state.reason }),
    }]])),
  };
}
