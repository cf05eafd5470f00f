/** Numbers as people read them; plain ASCII. */

/** Decimal units, as disks and networks are sold. */
export function sizeOf(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`;
  const [unit, factor] = bytes < 1e6 ? ['kB', 1e3] as const : bytes < 1e9 ? ['MB', 1e6] as const : ['GB', 1e9] as const;
  return `${(bytes / factor).toFixed(1)} ${unit}`;
}

/** ms to `4 ms`, `1.2 s`, `2 min 5 s`. */
export function timeOf(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1_000);
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

/** By how much it grew, in percent of what it was. */
export function signedShare(before: number, after: number): string {
  if (before === after) return '0%';
  if (before === 0) return 'from nothing';
  const share = ((after - before) / before) * 100;
  return `${share > 0 ? '+' : ''}${share.toFixed(1)}%`;
}
