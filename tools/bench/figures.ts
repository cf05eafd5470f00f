/** The arithmetic of the bench. Every function takes the runs in the order in which they were made. */

/** The middle of the values, the mean of both middles of an even number; NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const upper = sorted[sorted.length >> 1] ?? Number.NaN;
  const lower = sorted[(sorted.length - 1) >> 1] ?? Number.NaN;
  return (lower + upper) / 2;
}

/**
 * Ours over theirs, run by run, and then the median: what else the machine does in a run slows both alike. A run that either of them lacks,
 * or in which theirs is nothing, does not count; NaN when none counts.
 */
export function medianRatio(ours: readonly number[], theirs: readonly number[]): number {
  return median(pairwise(ours, theirs, (our, their) => our / their));
}

/** Ours minus theirs, run by run, and then the median. */
export function medianDifference(ours: readonly number[], theirs: readonly number[]): number {
  return median(pairwise(ours, theirs, (our, their) => our - their));
}

function pairwise(ours: readonly number[], theirs: readonly number[], join: (our: number, their: number) => number): readonly number[] {
  return ours.flatMap((our, run) => {
    const their = theirs[run];
    return their === undefined ? [] : [join(our, their)];
  }).filter(Number.isFinite);
}

/** `1234.5` ms as `1.234 s`, what is below a second as `234.5 ms`. */
export function ms(value: number): string {
  if (!Number.isFinite(value)) return '-';
  return Math.abs(value) >= 1_000 ? `${(value / 1_000).toFixed(2)} s` : `${value.toFixed(Math.abs(value) < 100 ? 1 : 0)} ms`;
}

/** Smallest to largest, for a reader to see how far the runs lie apart. */
export function span(values: readonly number[], show: (value: number) => string): string {
  return values.length === 0 ? '-' : `${show(Math.min(...values))} .. ${show(Math.max(...values))}`;
}

/** What is aimed at, and whether it was met: `< 300 ms: met`. */
export function against(value: number, aim: { readonly below: number } | { readonly atLeast: number }, show: (value: number) => string): string {
  const met = 'below' in aim ? value < aim.below : value >= aim.atLeast;
  return `${'below' in aim ? `< ${show(aim.below)}` : `>= ${show(aim.atLeast)}`}: ${met ? 'met' : 'MISSED'}`;
}
