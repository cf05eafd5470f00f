/**
 * Which target gets the next request. Between releases smooth weighted round robin (nginx, ngx_http_upstream_round_robin.c): every
 * period of 100 requests has exactly the wanted shares. Within a release the target with the least in flight; equals take turns.
 */
import type { ReleaseId } from '../../model/index.js';
import type { TargetState } from './in-flight.js';

interface Share {
  readonly release: ReleaseId;
  readonly weight: number;
  readonly targets: readonly TargetState[];
  current: number;
  turn: number;
}

export class Balance {
  private readonly shares: readonly Share[];
  private readonly total: number;

  /** A release of weight 0 or less, or without targets, gets nothing. `before` is the balance that this one replaces. */
  constructor(weights: Readonly<Record<ReleaseId, number>>, targets: readonly TargetState[], before?: Balance) {
    this.shares = Object.entries(weights)
      .filter(([, weight]) => weight > 0 && Number.isFinite(weight))
      .map(([release, weight]) => ({ release, weight, targets: targets.filter((target) => target.release === release), current: 0, turn: 0 }))
      .filter((share) => share.targets.length > 0);
    this.total = this.shares.reduce((sum, share) => sum + share.weight, 0);
    if (before !== undefined) this.continue(before);
  }

  /** Undefined when no release with weight has a target. */
  pick(): TargetState | undefined {
    const share = this.nextShare();
    return share && leastBusy(share, none);
  }

  /** Another target in place of one that refused: of the same release, else of the others, heaviest first. */
  instead(release: ReleaseId, tried: ReadonlySet<TargetState>): TargetState | undefined {
    const order = [...this.shares].sort((a, b) => Number(b.release === release) - Number(a.release === release) || b.weight - a.weight);
    for (const share of order) {
      const target = leastBusy(share, tried);
      if (target !== undefined) return target;
    }
    return undefined;
  }

  private nextShare(): Share | undefined {
    const first = this.shares[0];
    if (first === undefined || this.shares.length === 1) return first;
    let best = first;
    for (const share of this.shares) {
      share.current += share.weight;
      if (share.current > best.current) best = share;
    }
    best.current -= this.total;
    return best;
  }

  /** With the same shares the round goes on, so that a change of instances does not bend the weights. */
  private continue(before: Balance): void {
    const same = this.shares.length === before.shares.length
      && this.shares.every((share, index) => share.release === before.shares[index]?.release && share.weight === before.shares[index].weight);
    this.shares.forEach((share, index) => {
      const earlier = same ? before.shares[index] : undefined;
      share.current = earlier?.current ?? 0;
      share.turn = earlier?.turn ?? 0;
    });
  }
}

const none: ReadonlySet<TargetState> = new Set();

function leastBusy(share: Share, tried: ReadonlySet<TargetState>): TargetState | undefined {
  return search(share, (target) => !tried.has(target) && !target.avoided) ?? search(share, (target) => !tried.has(target));
}

function search(share: Share, allowed: (target: TargetState) => boolean): TargetState | undefined {
  const { targets } = share;
  let best: TargetState | undefined;
  let place = 0;
  for (let step = 0; step < targets.length; step += 1) {
    const index = (share.turn + step) % targets.length;
    const target = targets[index];
    if (target === undefined || !allowed(target)) continue;
    if (best === undefined || target.inFlight < best.inFlight) {
      best = target;
      place = index;
    }
  }
  if (best !== undefined) share.turn = (place + 1) % targets.length;
  return best;
}
