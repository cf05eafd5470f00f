import fc from 'fast-check';
import type { SyncPolicy } from '../traits.js';
import { nextBase, planSync, type SyncInput, type SyncStep } from './plan.js';

type Sides = readonly [from: string | undefined, to: string | undefined, base: string | undefined];
const one = (value: string | undefined): Map<string, string> => new Map(value === undefined ? [] : [['K', value]]);
function input([from, to, base]: Sides, policy: SyncPolicy = 'always', decided: 'take' | 'keep' | 'none' = 'none'): SyncInput {
  const keys = (mine: string): Set<string> => new Set(decided === mine ? ['K'] : []);
  return { from: one(from), to: one(to), base: one(base), policy: () => policy, take: keys('take'), keep: keys('keep'), names: ['staging', 'production'] };
}
const plan = (...given: Parameters<typeof input>): SyncStep | undefined => planSync(input(...given))[0];

describe('planSync', () => {
  it.each<[Sides, string, string]>([
    [['a', 'a', undefined], 'same', ''],
    [['a', 'a', 'b'], 'same', ''],
    [['a', undefined, undefined], 'set', 'new in staging'],
    [[undefined, 'a', undefined], 'own', 'only production has it'],
    [['a', 'b', undefined], 'conflict', 'they differ, and no earlier sync tells which is meant'],
    [['b', 'a', 'a'], 'change', 'changed in staging since the last sync'],
    [[undefined, 'a', 'a'], 'remove', 'removed from staging since the last sync'],
    [['a', 'b', 'a'], 'kept', 'changed in production since the last sync'],
    [['a', undefined, 'a'], 'kept', 'removed from production since the last sync'],
    [['b', 'c', 'a'], 'conflict', 'both changed it since the last sync'],
    [['b', undefined, 'a'], 'conflict', 'both changed it since the last sync'],
    [[undefined, 'b', 'a'], 'conflict', 'both changed it since the last sync'],
  ])('of %j is %s', (sides, action, why) => {
    expect(plan(sides)).toEqual({ key: 'K', action, why });
  });

  it('asks where the policy says so, and leaves what it calls never', () => {
    expect(plan(['a', undefined, undefined], 'ask')).toMatchObject({ action: 'ask', why: 'new in staging' });
    expect(plan(['a', 'b', 'a'], 'ask')).toMatchObject({ action: 'kept' });
    expect(plan(['b', 'a', 'a'], 'never')).toMatchObject({ action: 'never' });
    expect(plan(['a', undefined, undefined], 'ask', 'take')).toMatchObject({ action: 'set', why: 'decided by --take' });
    expect(plan([undefined, 'b', 'a'], 'always', 'take')).toMatchObject({ action: 'remove' });
    expect(plan(['b', 'c', 'a'], 'always', 'take')).toMatchObject({ action: 'change' });
    expect(plan(['b', 'c', 'a'], 'always', 'keep')).toMatchObject({ action: 'kept', why: 'decided by --keep' });
  });

  it('says nothing of a key that neither has', () => {
    expect(planSync(input([undefined, undefined, 'a']))).toEqual([]);
  });

  const value = fc.option(fc.constantFrom('a', 'b', 'c'), { nil: undefined });
  const sides = fc.tuple(value, value, value);
  const policy = fc.constantFrom<SyncPolicy>('always', 'never', 'ask');
  const decided = fc.constantFrom<'take' | 'keep' | 'none'>('take', 'keep', 'none');
  /** What the destination holds after the steps. */
  const after = (given: SyncInput, steps: readonly SyncStep[]): string | undefined =>
    (['set', 'change', 'remove'].includes(steps[0]?.action ?? '') ? given.from : given.to).get('K');

  it('done, and done again with nothing changed, changes nothing more', () => {
    fc.assert(fc.property(sides, policy, decided, (given, how, what) => {
      const first = input(given, how, what);
      const steps = planSync(first);
      const next = input([given[0], after(first, steps), nextBase(first, steps).get('K')], how);
      const again = planSync(next);
      expect(after(next, again)).toBe(next.to.get('K'));
      expect(nextBase(next, again).get('K')).toBe(next.base.get('K'));
      if (what === 'keep' && how !== 'never') expect(['same', 'kept', 'own', undefined]).toContain(again[0]?.action);
    }), { numRuns: 2_000 });
  });

  it('never changes what the destination alone has changed, unless that was decided', () => {
    fc.assert(fc.property(value, value, policy, (before, now, how) => {
      fc.pre(before !== now);
      const given = input([before, now, before], how);
      expect(after(given, planSync(given))).toBe(now);
    }));
  });
});
