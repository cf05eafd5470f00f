/** Series that are too long for every run: a soak goes through all of one, an ordinary run takes what a seed picks. */

/** NX_DEPLOY_SOAK=1: everything runs. */
export const SOAK = process.env['NX_DEPLOY_SOAK'] === '1';
/** Printed by each file that picks by it; NX_DEPLOY_SEED repeats what it picked. */
export const SEED = Number(process.env['NX_DEPLOY_SEED'] ?? Date.now() % 100_000);

/** Gives numbers from 0 up to `below`; the same ones for the same seed, and others for the next (mulberry32). */
export function randomly(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

/** So many of them, in their order; all of them when there are no more. */
export function sampleOf<T>(all: readonly T[], count: number, random: (below: number) => number): readonly T[] {
  const left = [...all];
  while (left.length > count) left.splice(random(left.length), 1);
  return left;
}

/** One of each kind for each item in turn, so that a number of items as large as that of the kinds takes every kind: item i gets kind i + seed. */
export function inTurn<T>(kinds: readonly T[], item: number, seed: number): T {
  const kind = kinds[(item + seed) % kinds.length];
  if (kind === undefined) throw new Error('there are no kinds');
  return kind;
}
