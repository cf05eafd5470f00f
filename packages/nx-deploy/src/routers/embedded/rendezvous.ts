/**
 * Which release a client belongs to: weighted rendezvous hashing by the logarithmic method. C. Schindelhauer, G. Schomaker: "Weighted
 * Distributed Hash Tables", SPAA 2005 (logarithmic weighting; rendezvous hashing itself is D. Thaler, C. Ravishankar, 1998). With h
 * uniform in (0, 1) per client and release, -ln(h) / weight is exponentially distributed with rate `weight`; the smallest wins with
 * probability weight / total. A release whose part grows keeps every client that it has and gains some; no client moves between others.
 */
import { createHash } from 'node:crypto';
import type { ReleaseId } from '../../model/index.js';

/** Bits of the digest that make up h: as many as a double holds exactly with room for the half that keeps it off 0 and 1. */
const BYTES = 6;
const RANGE = 2 ** (8 * BYTES);

/** Undefined when there are none. Weights are above 0. */
export function belongsTo<S extends { readonly release: ReleaseId; readonly weight: number }>(client: string, shares: readonly S[]): S | undefined {
  let best: S | undefined;
  let least = Infinity;
  for (const share of shares) {
    const distance = -Math.log(uniform(client, share.release)) / share.weight;
    if (best === undefined || distance < least) {
      best = share;
      least = distance;
    }
  }
  return best;
}

function uniform(client: string, release: ReleaseId): number {
  const digest = createHash('sha256').update(`${client}\n${release}`).digest();
  return (digest.readUIntBE(0, BYTES) + 0.5) / RANGE;
}
