import type { Ability, Desired, StrategyName, Step } from '../model/index.js';

/** A way from one fleet to another. Pure: the same input gives the same steps, and nothing is done. */
export interface Strategy<O> {
  readonly name: StrategyName;
  /** What a platform must be able to do for this walk. */
  readonly needs: readonly Ability[];
  /**
   * The fleets to pass through; the last one is `to` itself, and what is kept warm beside it. The same releases on both sides are a change of scale: one step.
   * Every step names only releases of `from` and `to`.
   */
  walk(from: Desired, to: Desired, options: O): readonly Step[];
}

/** Is the release kept running without traffic, so that going back to it is quick? */
export function isWarm(release: { readonly weight: number; readonly until?: string } | undefined): boolean {
  return release?.until !== undefined && release.weight === 0;
}

/** The releases of a fleet that have instances or traffic. */
export function releasesIn(fleet: Desired): readonly string[] {
  return Object.keys(fleet).filter((id) => {
    const release = fleet[id];
    return release !== undefined && (release.weight > 0 || Object.values(release.processes).some((scale) => !('fixed' in scale) || scale.fixed > 0));
  });
}

/** Are the same releases in both fleets? Then only numbers change between them. Those that are kept warm do not count: they do not serve. */
export function sameReleases(a: Desired, b: Desired): boolean {
  const [left, right] = [cold(a), new Set(cold(b))];
  return left.length === right.size && left.every((id) => right.has(id));
}

function cold(fleet: Desired): readonly string[] {
  return releasesIn(fleet).filter((id) => !isWarm(fleet[id]));
}
