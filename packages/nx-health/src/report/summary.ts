/** What a history says of a period: how long each check was available, how fast it was, and when it was not. */
import type { HistoryRecord } from '../monitor/history.js';

export interface Incident {
  readonly check: string;
  readonly severity: string;
  /** ms since 1970: when the first of the checks in a row failed that made it unhealthy. */
  readonly from: number;
  /** When the first check passed that ended it; undefined: it goes on. */
  readonly to?: number;
  readonly ms: number;
  readonly reason: string;
  /** Checks that failed. */
  readonly failures: number;
}

export interface CheckSummary {
  readonly check: string;
  readonly kind: string;
  readonly severity: string;
  readonly checks: number;
  /** ms of the period in which it was asked; what lies between two monitors is none of it. */
  readonly observedMs: number;
  readonly unhealthyMs: number;
  readonly degradedMs: number;
  /** Share of what was observed in which it was not unhealthy, 0 to 1; undefined when nothing was. */
  readonly availability?: number;
  /** ms of those that passed, by nearest rank; undefined when none did. */
  readonly latency?: { readonly p50: number; readonly p95: number; readonly p99: number; readonly most: number };
}

export interface HistorySummary {
  readonly from: number;
  readonly to: number;
  readonly checks: readonly CheckSummary[];
  readonly incidents: readonly Incident[];
}

/** After so many of its intervals without a result nobody was looking. */
const INTERVALS = 3;
const GRACE_MS = 10_000;

/** `records` in the order in which they were written; those outside the period do not count. A clock that is set back takes no time away. */
export function summarise(records: readonly HistoryRecord[], { from, to }: { readonly from: number; readonly to: number }): HistorySummary {
  const byCheck = new Map<string, HistoryRecord[]>();
  for (const record of records) {
    if (record.t < from || record.t > to) continue;
    const own = byCheck.get(record.check);
    if (own === undefined) byCheck.set(record.check, [record]);
    else own.push(record);
  }
  const each = [...byCheck.values()];
  return { from, to, checks: each.map((own) => summaryOf(own, to)), incidents: each.flatMap((own) => incidentsOf(own, to)).sort((a, b) => a.from - b.from) };
}

function summaryOf(records: readonly HistoryRecord[], to: number): CheckSummary {
  const spent = { healthy: 0, degraded: 0, unhealthy: 0 };
  records.forEach((record, index) => { spent[record.shown] += observed(record, records[index + 1]?.t ?? to); });
  const observedMs = spent.healthy + spent.degraded + spent.unhealthy;
  const { check = '', kind = '', severity = '' } = records.at(-1) ?? {};
  const latency = percentiles(records.filter(({ status }) => status !== 'unhealthy').map(({ ms }) => ms));
  return {
    check, kind, severity, checks: records.length, observedMs, unhealthyMs: spent.unhealthy, degradedMs: spent.degraded,
    ...(observedMs === 0 ? {} : { availability: 1 - spent.unhealthy / observedMs }), ...(latency === undefined ? {} : { latency }),
  };
}

/** ms for which the result counts: until the next, unless that came so late that nobody was looking. */
function observed({ t, every, ms }: HistoryRecord, next: number): number {
  const usual = every + ms;
  const passed = Math.max(0, next - t);
  return passed > INTERVALS * usual + GRACE_MS ? Math.min(usual, passed) : passed;
}

function percentiles(values: readonly number[]): CheckSummary['latency'] {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
  return sorted.length === 0 ? undefined : { p50: at(0.5), p95: at(0.95), p99: at(0.99), most: at(1) };
}

function incidentsOf(records: readonly HistoryRecord[], to: number): readonly Incident[] {
  const incidents: Incident[] = [];
  let failing: HistoryRecord[] = [];
  let passed: number | undefined;
  let counts = false;
  const end = (at: number | undefined): void => {
    const [first] = failing;
    if (first !== undefined && counts) {
      incidents.push({ check: first.check, severity: first.severity, from: first.t, ...(at === undefined ? {} : { to: at }), ms: Math.max(0, (at ?? to) - first.t), reason: first.reason ?? 'it did not say why', failures: failing.length });
    }
    failing = [];
    passed = undefined;
    counts = false;
  };
  for (const record of records) {
    if (record.status === 'unhealthy') {
      failing.push(record);
      passed = undefined;
    } else passed ??= record.t;
    if (record.shown === 'unhealthy') counts = true;
    else if (counts) end(passed);
    // Failures that did not become an incident.
    else if (record.status !== 'unhealthy') end(undefined);
  }
  end(undefined);
  return incidents;
}
