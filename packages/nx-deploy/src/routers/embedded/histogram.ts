/** Latencies in bounds that grow by a constant factor. */
import type { Ms, Times } from '../../model/index.js';

/** Eight bounds per doubling: a percentile is at most 4.5 % off. */
const PER_OCTAVE = 8;
const SMALLEST: Ms = 0.1;
/** From 0.1 ms to 105 s; what is outside falls into the first or last. */
export const BOUNDS = 20 * PER_OCTAVE;

export function boundOf(latency: Ms): number {
  if (latency <= SMALLEST) return 0;
  return Math.min(BOUNDS - 1, Math.floor(Math.log2(latency / SMALLEST) * PER_OCTAVE));
}

/** The middle (geometric) of the bound that holds the nearest rank; 0 without samples. */
export function percentile(latencies: Float64Array, share: number): Ms {
  const total = latencies.reduce((sum, count) => sum + count, 0);
  if (total === 0) return 0;
  const rank = Math.ceil(total * share);
  let seen = 0;
  const bound = latencies.findIndex((count) => {
    seen += count;
    return seen >= rank;
  });
  return SMALLEST * 2 ** ((bound + 0.5) / PER_OCTAVE);
}

/** The bounds with samples. What is outside of all of them counts as if it were just within. */
export function timesOf(latencies: Float64Array): Times {
  return [...latencies].flatMap((count, bound) => (count === 0 ? [] : [[bound === 0 ? 0 : edge(bound), edge(bound + 1), count] as const]));
}

function edge(bound: number): Ms {
  return SMALLEST * 2 ** (bound / PER_OCTAVE);
}
