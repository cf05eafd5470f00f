import { availableParallelism, loadavg, platform } from 'node:os';
import * as z from 'zod';
import { above } from '../above.js';
import { kind } from '../kind.js';
import { limits } from '../values.js';

const MINUTES = [1, 5, 15] as const;

export const load = kind({
  name: 'load',
  description: 'The load average of the machine, per processor.',
  shape: {
    minutes: z.literal(MINUTES, { error: 'must be 1, 5 or 15' }).meta({ description: 'Over which time it is averaged.' }).prefault(5),
    ...limits(10_000, 'per processor', { degraded: 2, unhealthy: 6 }),
  },
  target: ({ minutes }) => `load of ${minutes} min`,
  ask: async ({ minutes, ...levels }) => {
    if (platform() === 'win32') return { status: 'unhealthy', reason: 'Windows has no load average' };
    const each = (loadavg()[MINUTES.indexOf(minutes)] ?? 0) / availableParallelism();
    return above(each, levels, '', `the load is ${each.toFixed(2)} per processor`);
  },
});
