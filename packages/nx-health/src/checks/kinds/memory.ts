import { totalmem } from 'node:os';
import { availableMemory, constrainedMemory } from 'node:process';
import { above } from '../above.js';
import { reclaimable } from '../cgroup.js';
import { kind } from '../kind.js';
import { limits } from '../values.js';

export const memory = kind({
  name: 'memory',
  description: 'Memory is left: of the machine, or of the container that limits this process; page cache that can be given back counts as left.',
  shape: limits(100, 'percent used', { degraded: 90, unhealthy: 97 }),
  target: () => 'memory',
  ask: async (levels) => {
    const limit = constrainedMemory();
    const limited = limit > 0 && limit < totalmem();
    const all = limited ? limit : totalmem();
    // Of the machine it is all that can be had without swapping; of a limit, what even the page cache leaves.
    const free = availableMemory() + (limited ? await reclaimable() : 0);
    const used = Math.max(0, 1 - free / all) * 100;
    return above(used, levels, 'percent', `${used.toFixed(1)}% of the memory is used`);
  },
});
