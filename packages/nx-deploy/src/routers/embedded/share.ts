/** A release's part in a route: its weight, its targets, where its turns stand. */
import type { ReleaseId } from '../../model/index.js';
import { Ejection } from './ejection.js';
import type { TargetState } from './in-flight.js';

export class Share {
  /** Of the smooth round of all requests, and of those that look for a stand-in. */
  readonly current = { all: 0, diverted: 0 };
  private turn = 0;
  private watched = new Ejection();
  private readonly addresses: ReadonlySet<string>;

  constructor(readonly release: ReleaseId, readonly weight: number, readonly targets: readonly TargetState[]) {
    this.addresses = new Set(targets.map(({ id, host, port }) => `${id} ${host} ${port}`));
  }

  get ejection(): Ejection {
    return this.watched;
  }

  /** Goes on where an earlier share of the release stands. A target that is new, or moved, is a reason to try an ejected release at once. */
  continue(before: Share, sameWeights: boolean): void {
    if (sameWeights) Object.assign(this.current, before.current);
    this.turn = before.turn;
    if ([...this.addresses].every((address) => before.addresses.has(address))) this.watched = before.watched;
  }

  /** Untried, with the least in flight; one that refused of late only when there is no other. */
  target(tried: ReadonlySet<TargetState> = none): TargetState | undefined {
    return this.search((target) => !tried.has(target) && !target.avoided) ?? this.search((target) => !tried.has(target));
  }

  hasUntried(tried: ReadonlySet<TargetState>): boolean {
    return this.targets.some((target) => !tried.has(target));
  }

  private search(allowed: (target: TargetState) => boolean): TargetState | undefined {
    const { targets } = this;
    let best: TargetState | undefined;
    let place = 0;
    for (let step = 0; step < targets.length; step += 1) {
      const index = (this.turn + step) % targets.length;
      const target = targets[index];
      if (target === undefined || !allowed(target)) continue;
      if (best === undefined || target.inFlight < best.inFlight) {
        best = target;
        place = index;
      }
    }
    if (best !== undefined) this.turn = (place + 1) % targets.length;
    return best;
  }
}

const none: ReadonlySet<TargetState> = new Set();

/** Smooth weighted round robin (nginx, ngx_http_upstream_round_robin.c): every period has exactly the wanted shares, evenly spread. */
export function nextInRound(shares: readonly Share[], round: keyof Share['current']): Share | undefined {
  let best = shares[0];
  if (best === undefined || shares.length === 1) return best;
  let total = 0;
  for (const share of shares) {
    total += share.weight;
    share.current[round] += share.weight;
    if (share.current[round] > best.current[round]) best = share;
  }
  best.current[round] -= total;
  return best;
}
