import { KINDS, type Kind } from './report.js';

export const DEFAULT_MIX: Readonly<Record<Kind, number>> = { get: 60, fresh: 15, post: 15, slow: 4, events: 3, socket: 3 };

/** The kinds in turn, each as often as its share and evenly spread (smooth weighted round robin): every stretch of a load has the whole mix. */
export function* turns(mix: Partial<Readonly<Record<Kind, number>>>): Generator<Kind, never> {
  const shares = KINDS.map((kind) => ({ kind, share: mix[kind] ?? 0, credit: 0 })).filter(({ share }) => share > 0);
  const total = shares.reduce((sum, { share }) => sum + share, 0);
  const [first] = shares;
  if (first === undefined) throw new Error('the mix names no kind of request');
  for (;;) {
    let best = first;
    for (const entry of shares) {
      entry.credit += entry.share;
      if (entry.credit > best.credit) best = entry;
    }
    best.credit -= total;
    yield best.kind;
  }
}
