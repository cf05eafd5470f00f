import * as z from 'zod';
import type { CheckResult, Finding, HealthStatus } from '../../result.js';
import { kind } from '../kind.js';

const needError = 'must be "all", "any" or how many of them, a whole number from 1';

export const composite = kind({
  name: 'composite',
  description: 'Several checks together: all of them, any, or at least so many. They count through it alone. It has a result as soon as theirs cannot change it any more, and no timeout but theirs.',
  shape: {
    of: z.array(z.string({ error: 'must be the name of a check' }).min(1, { error: 'must be the name of a check' }).meta({ description: 'Name of a check.' }), { error: 'must be a list of names of checks' }).min(1, { error: 'must be a list of names of checks' })
      .refine((names) => new Set(names).size === names.length, { error: 'must name each check once' }).meta({ description: 'Names of checks of the same file.', examples: [['db-1', 'db-2']] }),
    need: z.union([z.enum(['all', 'any']), z.int().min(1).max(1_000)], { error: needError }).meta({ description: 'How many of them must be healthy.' }).prefault('all'),
  },
  target: ({ of, need }) => `${typeof need === 'number' ? `${need} of` : need === 'all' ? 'all of' : 'any of'} ${of.join(', ')}`,
  uses: ({ of }) => of,
  ask: ({ of, need }, _asking, place) => new Promise((resolve, reject) => {
    const known = new Map<string, CheckResult>();
    for (const name of of) {
      place.result(name).then((result) => {
        known.set(name, result);
        // Behind the others that are known already: the reason tells of them too.
        setImmediate(() => {
          const finding = judge(of, known, need === 'all' ? of.length : need === 'any' ? 1 : need);
          if (finding !== undefined) resolve(finding);
        });
      }, reject);
    }
  }),
});

/** undefined: it depends on those that are not known yet. */
function judge(of: readonly string[], known: ReadonlyMap<string, CheckResult>, need: number): Finding | undefined {
  const count = (wanted: string): number => [...known.values()].filter(({ status }) => status === wanted).length;
  const [healthy, degraded, open] = [count('healthy'), count('degraded'), of.length - known.size];
  const status = statusOf(healthy, degraded, need);
  if (status !== statusOf(healthy + open, degraded, need)) return undefined;
  const found = { status, observed: healthy, unit: 'checks' } as const;
  if (status === 'healthy') return found;
  const failing = of.flatMap((name) => {
    const result = known.get(name);
    return result?.status === 'healthy' ? [] : [`${name}: ${result === undefined ? 'not known yet' : result.reason ?? result.status}`];
  });
  return { ...found, reason: `${healthy} of ${of.length} are healthy, ${need} must be; ${failing.join('; ')}` };
}

function statusOf(healthy: number, degraded: number, need: number): HealthStatus {
  return healthy >= need ? 'healthy' : healthy + degraded >= need ? 'degraded' : 'unhealthy';
}
