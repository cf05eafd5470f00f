import type { Desired, Gate, Ms, Step } from '../model/index.js';
import { afterRoom, approvalOf, beside, gates, groundOf, instancesFor, smokeOf, soakOf, takeOver, type Approval, type Ground, type SideBySideOptions } from './side-by-side.js';
import type { Strategy } from './strategy.js';

export interface CanaryWalk extends SideBySideOptions {
  /** Weights grow strictly, 1 to 99. */
  readonly steps: readonly { readonly weight: number; readonly soak: Ms; readonly approve?: Approval }[];
}

/**
 * Gives the new release a growing share of the traffic, and as many instances as that share stands for, rounded up. The old release keeps all its instances
 * until the new one has all of the traffic, so that going back is one change of the traffic. The smoke checks come before the first share.
 *
 * A release that has a share already (a change that was interrupted) goes on from there: smaller steps are left out.
 */
export const canary: Strategy<CanaryWalk> = {
  name: 'canary',
  needs: ['overlap', 'split'],
  walk(from: Desired, to: Desired, options: CanaryWalk): readonly Step[] {
    const ground = groundOf(from, to);
    if (ground === undefined) return [{ reach: to }];
    return afterRoom(ground, [...sharing(ground, options), ...takeOver(ground, to, options, false)]);
  },
};

function sharing(ground: Ground, { steps, smoke, analyse, early }: CanaryWalk): readonly Step[] {
  const left = steps.filter(({ weight }) => weight >= ground.weight);
  const first = left[0]?.weight ?? 100;
  const fleet = (percent: number, weight: number): Desired => beside(ground, instancesFor(ground.wanted, percent), weight, early);
  const checks: readonly Gate[] = smokeOf(smoke);
  // Where the first share is what the release has already, its fleet serves for the checks too.
  const apart = checks.length > 0 && first !== ground.weight;
  return [
    ...(apart ? [{ reach: fleet(first, ground.weight), ...gates(checks) }] : []),
    ...left.map(({ weight, soak, approve }, index) => ({
      reach: fleet(weight, weight), ...gates(index === 0 && !apart ? checks : [], soakOf(soak, analyse), approvalOf(approve)),
    })),
  ];
}
