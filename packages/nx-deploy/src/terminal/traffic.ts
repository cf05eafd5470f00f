/** What the router counts and what runs, per release: lines for a terminal and for a log. */
import { formatDuration, WEB, type Figures, type Observed, type ObservedRelease } from '../model/index.js';
import type { Segment } from './color.js';
import { sanitize } from './sanitize.js';
import type { Counted } from './printer.js';

/** `r1 1203 requests, 0 errors, p95 12ms; r2 63 requests, 2 errors, p95 15ms`; nothing while there were no requests. */
export function trafficText(counted: Counted): string {
  const entries = Object.entries(counted);
  if (entries.every(([, { requests }]) => requests === 0)) return '';
  return entries.map(([id, metrics]) => `${sanitize(id)} ${figures(metrics).map((figure) => figure[0]).join(', ')}`).join('; ');
}

/** One line for each release that runs or had requests, its columns in line with the others'. */
export function releaseLines(observed: Observed, counted: Counted): readonly (readonly Segment[])[] {
  const ids = [...new Set([...Object.keys(observed), ...Object.keys(counted).filter((id) => (counted[id]?.requests ?? 0) > 0)])];
  const rows = ids.map((id): readonly Segment[] => [[sanitize(id)], ...instances(observed[id]), ...figures(counted[id] ?? NOTHING)]);
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.[0].length ?? 0)));
  return rows.map((row, index) => {
    const rest = others(observed[ids[index] ?? '']);
    const cells = row.map(([text, style = 'plain'], column): Segment => {
      const width = widths[column] ?? 0;
      return [`  ${column === 0 ? text.padEnd(width) : text.padStart(width)}`, style];
    });
    return rest === '' ? cells : [...cells, [`  ${rest}`]];
  });
}

const NOTHING: Figures = { requests: 0, errors: 0, ejected: 0, latency: { p50: 0, p95: 0, p99: 0 } };

function instances(release: ObservedRelease | undefined): readonly Segment[] {
  const { ready = 0, running = 0 } = release?.processes[WEB] ?? {};
  return [[`${ready}/${running} ready`, ready < running ? 'warn' : 'plain'], [`${release?.weight ?? 0}%`]];
}

function figures({ requests, errors, ejected, latency }: Figures): readonly Segment[] {
  const passed = ejected > 0 ? ` (${ejected} ejected)` : '';
  return [[`${requests} requests`], [`${errors} errors${passed}`, errors > 0 ? 'bad' : 'plain'], [`p95 ${requests === 0 ? '-' : formatDuration(latency.p95)}`]];
}

/** Processes without traffic, and instances on their way out. */
function others(release: ObservedRelease | undefined): string {
  const entries = Object.entries(release?.processes ?? {});
  const draining = entries.reduce((sum, [, counts]) => sum + counts.draining, 0);
  const named = entries.filter(([name]) => name !== WEB).map(([name, { ready, running }]) => `${sanitize(name)} ${ready}/${running}`);
  return [...named, ...(draining === 0 ? [] : [`${draining} draining`])].join(', ');
}
