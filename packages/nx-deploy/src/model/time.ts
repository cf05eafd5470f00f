/** Milliseconds, always a whole number of at least 0. */
export type Ms = number;

const UNIT: Readonly<Record<string, Ms>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** What {@link parseDuration} reads, for people. */
export const DURATION_FORM = 'a duration like 500ms, 30s, 5m or 1.5h';

/** The same for schemas. */
export const DURATION_PATTERN = '^(\\d+(\\.\\d+)?)(ms|s|m|h|d)$';

/** Reads `"500ms"`, `"60s"`, `"10m"`, `"24h"`, `"7d"`; undefined when the text has another form or is too long to count in whole ms. */
export function parseDuration(text: string): Ms | undefined {
  const match = new RegExp(DURATION_PATTERN).exec(text);
  const unit = UNIT[match?.[3] ?? ''];
  if (match === null || unit === undefined) return undefined;
  const ms = Math.round(Number(match[1]) * unit);
  return Number.isSafeInteger(ms) ? ms : undefined;
}

/** `340ms`, `1.2s`, `2m 05s`, `1h 02m`: at most five or six characters, for people. */
export function formatDuration(ms: Ms): string {
  if (ms < 999.5) return `${Math.round(ms)}ms`;
  if (ms < 59_950) return `${(ms / 1_000).toFixed(1)}s`;
  const seconds = Math.round(ms / 1_000);
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m ${String(seconds % 60).padStart(2, '0')}s`;
  return `${Math.floor(minutes / 60)}h ${String(minutes % 60).padStart(2, '0')}m`;
}
