const UNIT: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** A timer cannot wait longer than this, about 24 days: Node fires one that should at once. */
export const LONGEST_MS = 2 ** 31 - 1;

/** Reads `"500ms"`, `"30s"`, `"2m"`, `"1h"` into milliseconds, or undefined when the text has another form or is longer than 24 days. */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text);
  const ms = Math.round(Number(match?.[1]) * (UNIT[match?.[2] ?? ''] ?? Number.NaN));
  return Number.isNaN(ms) || ms > LONGEST_MS ? undefined : ms;
}
