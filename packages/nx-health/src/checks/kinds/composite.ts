import * as z from 'zod';
import type { CheckResult, Finding } from '../../result.js';
import { kind } from '../kind.js';

const needError = 'must be "all", "any" or how many of them, a whole number from 1';

export const composite = kind({
  name: 'composite',
  description: 'Several checks together: all of them, any, or at least so many. They count through it alone.',
  shape: {
    of: z.array(z.string({ error: 'must be the name of a check' }).min(1, { error: 'must be the name of a check' }).meta({ description: 'Name of a check.' }), { error: 'must be a list of names of checks' }).min(1, { error: 'must be a list of names of checks' })
      .refine((names) => new Set(names).size === names.length, { error: 'must name each check once' }).meta({ description: 'Names of checks of the same file.', examples: [['db-1', 'db-2']] }),
    need: z.union([z.enum(['all', 'any']), z.int().min(1).max(1_000)], { error: needError }).meta({ description: 'How many of them must be healthy.' }).prefault('all'),
  },
  target: ({ of, need }) => `${typeof need === 'number' ? `${need} of` : need === 'all' ? 'all of' : 'any of'} ${of.join(', ')}`,
  uses: ({ of }) => of,
  ask: async ({ of, need }, { waitingFor }, place) => {
    waitingFor('not all of its checks have a result');
    const results = await Promise.all(of.map(async (name) => ({ name, result: await place.result(name) })));
    return judge(results, need === 'all' ? of.length : need === 'any' ? 1 : need);
  },
});

function judge(results: readonly { readonly name: string; readonly result: CheckResult }[], need: number): Finding {
  const count = (...wanted: string[]): number => results.filter(({ result: { status } }) => wanted.includes(status)).length;
  const healthy = count('healthy');
  const status = healthy >= need ? 'healthy' : count('healthy', 'degraded') >= need ? 'degraded' : 'unhealthy';
  const found = { status, observed: healthy, unit: 'checks' } as const;
  if (status === 'healthy') return found;
  const failing = results.filter(({ result }) => result.status !== 'healthy').map(({ name, result }) => `${name}: ${result.reason ?? result.status}`);
  return { ...found, reason: `${healthy} of ${results.length} are healthy, ${need} must be; ${failing.join('; ')}` };
}
