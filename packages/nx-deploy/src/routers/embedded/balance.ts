/**
 * Which target gets the next request. First the release: the one that the request wishes, else the one that its client belongs to, else
 * the next in the smooth round of the weights. Then its target with the least in flight; equals take turns. A release none of whose
 * targets takes connections keeps its turns in the round, and they go to stand-ins.
 */
import type { ReleaseId } from '../../model/index.js';
import type { Ejection } from './ejection.js';
import type { TargetState } from './in-flight.js';
import { belongsTo } from './rendezvous.js';
import { nextInRound, Share } from './share.js';

/** What is known of a request that bears on the choice. */
export interface Wish {
  /** This release, whatever its weight. */
  readonly release?: ReleaseId;
  /** Any but this one. */
  readonly except?: ReleaseId;
  /** Decides instead of the round: the same id gets the same release. */
  readonly client?: string;
}

/** Hears what a choice had to do with a release that is ejected. */
export interface Chooser {
  /** The request was the release's, and goes to another without a try. */
  passedOver(release: ReleaseId): void;
  /** The request tries the release: it is to tell the ejection what came of it. */
  tries(ejection: Ejection): void;
}

export class Balance {
  /** By release; those without weight are there for the requests that name them. */
  private readonly shares = new Map<ReleaseId, Share>();
  /** With weight and targets. */
  private readonly open: readonly Share[];

  /** A release of weight 0 or less, or without targets, gets nothing that does not ask for it. `before` is the balance that this one replaces. */
  constructor(weights: Readonly<Record<ReleaseId, number>>, targets: readonly TargetState[], before?: Balance) {
    for (const [release, weight] of Object.entries(weights)) this.add(release, weight, targets);
    for (const { release } of targets) if (!this.shares.has(release)) this.add(release, 0, targets);
    this.open = [...this.shares.values()].filter((share) => share.weight > 0 && share.targets.length > 0);
    if (before !== undefined) this.continue(before);
  }

  /** Releases that weights can choose. */
  get choices(): number {
    return this.open.length;
  }

  /** Has the release a target, with or without weight? */
  serves(release: ReleaseId): boolean {
    return (this.shares.get(release)?.targets.length ?? 0) > 0;
  }

  /** Undefined when no release with weight has a target. */
  pick(chooser: Chooser, wish: Wish = NONE): TargetState | undefined {
    const share = this.share(wish);
    if (share === undefined || !share.ejection.active) return share?.target();
    const others = this.open.filter((other) => other !== share && !other.ejection.active);
    const standIn = others.length > 0 && !share.ejection.probe() ? choice(others, wish, 'diverted') : undefined;
    if (standIn === undefined) {
      chooser.tries(share.ejection);
      return share.target();
    }
    chooser.passedOver(share.release);
    return standIn.target();
  }

  /** Another target in place of one that refused: of the same release, else of the others with weight. */
  instead(release: ReleaseId, tried: ReadonlySet<TargetState>, chooser: Chooser, wish: Wish = NONE): TargetState | undefined {
    const own = this.shares.get(release)?.target(tried);
    if (own !== undefined) return own;
    const others = this.open.filter((share) => share.release !== release && share.hasUntried(tried));
    const sound = others.filter((share) => !share.ejection.active);
    const share = choice(sound.length > 0 ? sound : others, wish, 'diverted');
    if (share?.ejection.active === true) chooser.tries(share.ejection);
    return share?.target(tried);
  }

  /** None of the release's targets took a connection; `since` is when the request came to it. */
  eject(release: ReleaseId, since: number): void {
    this.shares.get(release)?.ejection.begin(since);
  }

  private share(wish: Wish): Share | undefined {
    if (wish.release !== undefined) {
      const wished = this.shares.get(wish.release);
      if (wished !== undefined && wished.targets.length > 0) return wished;
    }
    if (wish.except !== undefined) {
      const other = this.other(wish.except, wish);
      if (other !== undefined) return other;
    }
    return choice(this.open, wish, 'all');
  }

  /** One with weight, else one that waits without. */
  private other(release: ReleaseId, wish: Wish): Share | undefined {
    return choice(this.open.filter((share) => share.release !== release), wish, 'diverted')
      ?? [...this.shares.values()].find((share) => share.release !== release && share.targets.length > 0);
  }

  private add(release: ReleaseId, asked: number, targets: readonly TargetState[]): void {
    const weight = asked > 0 && Number.isFinite(asked) ? asked : 0;
    this.shares.set(release, new Share(release, weight, targets.filter((target) => target.release === release)));
  }

  /** With the same weights the round goes on, so that instances that come and go do not bend the shares. */
  private continue(before: Balance): void {
    const sameWeights = [this, before].every(({ shares }) => [...shares.values()].every(({ release, weight }) => this.weight(release) === weight && before.weight(release) === weight));
    for (const share of this.shares.values()) {
      const earlier = before.shares.get(share.release);
      if (earlier !== undefined) share.continue(earlier, sameWeights);
    }
  }

  private weight(release: ReleaseId): number {
    return this.shares.get(release)?.weight ?? 0;
  }
}

const NONE: Wish = {};

function choice(shares: readonly Share[], { client }: Wish, round: keyof Share['current']): Share | undefined {
  return client === undefined || shares.length < 2 ? nextInRound(shares, round) : belongsTo(client, shares);
}
