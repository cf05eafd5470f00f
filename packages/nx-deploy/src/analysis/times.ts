/** Reads a router's histogram of answer times. */
import type { Ms, Times } from '../model/index.js';

export function answersOf(times: Times): number {
  return times.reduce((sum, [, , count]) => sum + count, 0);
}

/** Answers that took `limit` ms or longer beyond doubt: those whose bounds hold the limit itself are not among them. */
export function slowerThan(times: Times, limit: Ms): number {
  return times.reduce((sum, [from, , count]) => (from >= limit ? sum + count : sum), 0);
}

/** The bounds that hold the nearest rank of this share (0 to 1) of all answers; undefined without answers. */
export function boundsOf(times: Times, share: number): readonly [from: Ms, to: Ms] | undefined {
  const rank = Math.max(1, Math.ceil(answersOf(times) * share));
  let seen = 0;
  for (const [from, to, count] of times) {
    seen += count;
    if (seen >= rank) return [from, to];
  }
  return undefined;
}
