import { totalmem } from 'node:os';
import { availableMemory, constrainedMemory } from 'node:process';
import { above } from '../above.js';
import { kind } from '../kind.js';
import { limits } from '../values.js';

export const memory = kind({
  name: 'memory',
  description: 'Memory is left: of the machine, or of the container that limits this process.',
  shape: limits(100, 'percent used', { degraded: 90, unhealthy: 97 }),
  target: () => 'memory',
  ask: async (levels) => {
    const limit = constrainedMemory();
    const all = limit > 0 && limit < totalmem() ? limit : totalmem();
    const used = Math.max(0, 1 - availableMemory() / all) * 100;
    return above(used, levels, 'percent', `${used.toFixed(1)}% of the memory is used`);
  },
});
