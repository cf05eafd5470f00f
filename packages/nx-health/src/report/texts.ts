/** How a report words its figures. */
import { durationText } from '../duration.js';
import type { CheckSummary, HistorySummary, Incident } from './summary.js';

/** Seconds say enough. */
export function timeText(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

/** Never rounded up to 100%. */
export function percentText(share: number | undefined): string {
  if (share === undefined) return '-';
  return `${share === 1 ? '100' : (Math.floor(share * 1e5) / 1e3).toFixed(3)}%`;
}

export const CHECK_TITLES = ['check', 'kind', 'severity', 'checks', 'observed', 'availability', 'unhealthy', 'degraded', 'p50 ms', 'p95 ms', 'p99 ms', 'max ms'] as const;

export function checkRow({ check, kind, severity, checks, observedMs, availability, unhealthyMs, degradedMs, latency }: CheckSummary): readonly string[] {
  const ms = (value: number | undefined): string => (value === undefined ? '-' : String(value));
  return [check, kind, severity, String(checks), durationText(observedMs), percentText(availability), durationText(unhealthyMs), durationText(degradedMs), ms(latency?.p50), ms(latency?.p95), ms(latency?.p99), ms(latency?.most)];
}

export const INCIDENT_TITLES = ['from', 'to', 'duration', 'check', 'severity', 'failures', 'reason'] as const;

export function incidentRow({ from, to, ms, check, severity, failures, reason }: Incident): readonly string[] {
  return [timeText(from), to === undefined ? 'goes on' : timeText(to), durationText(ms), check, severity, String(failures), reason];
}

export function periodText({ from, to }: HistorySummary): string {
  return `${timeText(from)} to ${timeText(to)}`;
}

/** What a figure means, for whoever reads no other page. */
export const NOTE = 'Availability is the share of the observed time in which a check did not count as unhealthy. Time in which no monitor ran is not observed. Latencies are of checks that passed.';
