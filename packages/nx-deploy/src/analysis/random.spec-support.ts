/** Random numbers that are the same every time, and what simulations draw with them. For tests only. */

export type Random = () => number;

/** A small generator with a seed (Tommy Ettinger's mulberry32). */
export function seeded(seed: number): Random {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Hits among `trials` of which each is one with this chance: jumps from hit to hit. */
export function binomial(random: Random, trials: number, chance: number): number {
  if (chance <= 0) return 0;
  let hits = 0;
  for (let at = -1; ; hits += 1) {
    at += 1 + Math.floor(Math.log(1 - random()) / Math.log(1 - chance));
    if (at >= trials) return hits;
  }
}
