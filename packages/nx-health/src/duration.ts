const UNIT: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A timer cannot wait longer than this, about 24 days: Node fires one that should at once. */
export const LONGEST_MS = 2 ** 31 - 1;
export const DURATION_PATTERN = '^\\d+(\\.\\d+)?(ms|s|m|h|d)$';

/** Reads `"500ms"`, `"30s"`, `"2m"`, `"1h"`, `"7d"` into milliseconds, or undefined when the text has another form or is longer than 24 days. */
export function parseDuration(text: string): number | undefined {
  const ms = parsePeriod(text);
  return ms === undefined || ms > LONGEST_MS ? undefined : ms;
}

/** {@link parseDuration} for what no timer waits for: up to 100 years. */
export function parsePeriod(text: string): number | undefined {
  const match = new RegExp(DURATION_PATTERN).exec(text);
  const unit = /[a-z]+$/.exec(text)?.[0] ?? '';
  const ms = match === null ? Number.NaN : Math.round(Number(text.slice(0, -unit.length)) * (UNIT[unit] ?? Number.NaN));
  return ms <= 36_525 * 86_400_000 ? ms : undefined;
}

/** `450 ms`, `12.3 s`, `5 min 3 s`, `2 h 5 min`, `3 d 4 h`. */
export function durationText(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(Math.round(ms / 100) / 10).toString()} s`;
  const [big, name, small, smallName] = ms < 3_600_000 ? [60_000, 'min', 1_000, 's'] as const : ms < 86_400_000 ? [3_600_000, 'h', 60_000, 'min'] as const : [86_400_000, 'd', 3_600_000, 'h'] as const;
  const rest = Math.floor((ms % big) / small);
  return `${Math.floor(ms / big)} ${name}${rest === 0 ? '' : ` ${rest} ${smallName}`}`;
}
