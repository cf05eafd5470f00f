import type { Desired, Step } from '../model/index.js';
import { afterRoom, approvalOf, beside, gates, groundOf, isWhole, smokeOf, takeOver, webOf, type Approval, type SideBySideOptions } from './side-by-side.js';
import type { Strategy } from './strategy.js';

export interface BlueGreenWalk extends SideBySideOptions {
  /** Asked after the smoke checks, before the switch. */
  readonly approve?: Approval;
}

/**
 * Starts all of the new release beside the old one, checks it without traffic, then gives it all of the traffic at once.
 * A release that runs in full already (kept warm) and has no gates to pass is switched to in the first step.
 */
export const blueGreen: Strategy<BlueGreenWalk> = {
  name: 'blue-green',
  needs: ['overlap', 'split'],
  walk(from: Desired, to: Desired, options: BlueGreenWalk): readonly Step[] {
    const ground = groundOf(from, to);
    if (ground === undefined) return [{ reach: to }];
    const asked = gates(smokeOf(options.smoke), approvalOf(options.approve));
    const ready = isWhole(ground) && asked.then === undefined;
    return afterRoom(ground, [
      ...(ready ? [] : [{ reach: beside(ground, webOf(ground.wanted), ground.weight, options.early), ...asked }]),
      ...takeOver(ground, to, options, ready),
    ]);
  },
};
