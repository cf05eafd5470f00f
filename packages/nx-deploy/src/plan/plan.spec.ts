import type { StrategyOptions } from '../config/resolved.js';
import { DeployError, formatError } from '../errors.js';
import type { Ability, Desired, Observed } from '../model/index.js';
import { STRATEGIES } from '../strategies/index.js';
import { makePlan, type Plan, type PlanRequest, type Walk } from './plan.js';

const A: Observed = { rA: { processes: { web: { running: 2, ready: 2, draining: 0 } }, weight: 100 } };
const toA: Desired = { rA: { processes: { web: { fixed: 2 } }, weight: 100 } };
const toB: Desired = { rB: { processes: { web: { fixed: 2 } }, weight: 100 } };
const half = (id: string): Observed => ({ [id]: { processes: { web: { running: 1, ready: 1, draining: 0 } }, weight: 50 } });

const rolling: StrategyOptions = { type: 'rolling', batch: 50 };
const recreate: StrategyOptions = { type: 'recreate' };
const able: readonly Ability[] = ['overlap', 'split', 'many'];

function plan(changes: Partial<PlanRequest> & { can?: readonly Ability[] }): Plan {
  const { can = able, ...rest } = changes;
  return makePlan({ platform: { name: 'local', can }, strategy: rolling, from: A, to: toB, drift: [], ...rest });
}

function walk(changes: Parameters<typeof plan>[0]): Walk {
  const made = plan(changes);
  if (made.kind === 'unchanged') throw new Error('nothing to walk');
  return made;
}

function refusal(changes: Parameters<typeof plan>[0]): DeployError {
  try {
    plan(changes);
  } catch (thrown) {
    if (thrown instanceof DeployError) return thrown;
  }
  throw new Error('not refused');
}

describe('what is planned', () => {
  test('nothing, when what is wanted runs', () => {
    expect(plan({ to: toA })).toEqual({ kind: 'unchanged' });
  });

  test.each([rolling, recreate])('one step on a first deploy, whatever the strategy (%j)', (strategy) => {
    const shell: Observed = { rA: { processes: { web: { running: 0, ready: 0, draining: 0 } }, weight: 0 } };
    for (const from of [{}, shell]) {
      expect(plan({ strategy, from })).toEqual({ kind: 'walk', strategy: strategy.type, reason: 'first deploy', from: {}, to: toB, steps: [{ reach: toB }] });
    }
  });

  test('the walk of the strategy for a new release', () => {
    expect(walk({})).toMatchObject({ strategy: 'rolling', reason: 'new release rB replaces rA', from: toA, to: toB });
    expect(walk({}).steps).toEqual(STRATEGIES.rolling.walk(toA, toB, { batch: 50 }));
    expect(walk({ strategy: recreate }).steps).toEqual([{ reach: {} }, { reach: toB }]);
    expect(walk({ to: {} })).toMatchObject({ reason: 'nothing is wanted, rA stops', steps: [{ reach: {} }] });
  });

  test('early processes are passed to the strategy', () => {
    const to: Desired = { rB: { processes: { web: { fixed: 2 }, worker: { fixed: 1 } }, weight: 100 } };
    expect(walk({ to, early: ['worker'] }).steps[0]).toMatchObject({ reach: { rB: { processes: { worker: { fixed: 1 } } } } });
    expect(walk({ to }).steps[0]).not.toHaveProperty('reach.rB.processes.worker');
  });

  test.each<[string, Partial<PlanRequest>, string]>([
    ['other numbers', { to: { rA: { processes: { web: { fixed: 5 } }, weight: 100 } } }, 'same release, the numbers differ'],
    ['one instance that is not ready', { to: toA, from: { rA: { processes: { web: { running: 2, ready: 1, draining: 0 } }, weight: 100 } } }, 'same release, 1 of 2 instances is not ready'],
    ['no instance that is ready', { to: toA, from: { rA: { processes: { web: { running: 2, ready: 0, draining: 0 } }, weight: 100 } } }, 'same release, 2 of 2 instances are not ready'],
    ['settings', { to: toA, drift: ['listen: 127.0.0.1:8080, not 127.0.0.1:8081'] }, 'same release, settings differ: listen: 127.0.0.1:8080, not 127.0.0.1:8081'],
    ['numbers and settings', { to: { rA: { processes: { web: { fixed: 5 } }, weight: 100 } }, drift: ['a', 'b'] }, 'same release, the numbers differ; settings differ: a, b'],
  ])('one step for the same release with %s, with the strategy recreate too', (_what, changes, reason) => {
    for (const strategy of [rolling, recreate]) {
      const made = walk({ ...changes, strategy });
      expect(made.reason).toBe(reason);
      expect(made.steps).toEqual([{ reach: made.to }]);
    }
  });

  test('an interrupted mix is finished', () => {
    expect(walk({ from: { ...half('rA'), ...half('rB') } })).toMatchObject({ reason: 'finish a change that was interrupted, rA leaves', to: toB });
    expect(walk({ from: { ...half('rA'), ...half('rC') } }).reason).toBe('new release rB replaces rA and rC');
    expect(walk({ to: { ...toA, rC: { processes: { web: { fixed: 1 } }, weight: 0 } } }).reason).toBe('new release rC joins rA');
  });
});

describe('what is refused', () => {
  test('a strategy that the platform cannot do, with one that it can', () => {
    for (const changes of [{}, { from: {} }, { to: toA }]) {
      expect(formatError(refusal({ ...changes, can: [] }))).toBe([
        'error ND-ABILITY-MISSING: the platform local cannot do rolling',
        '  why: it cannot run two releases side by side (overlap)',
        '  next: use a strategy that it can do: recreate',
      ].join('\n'));
    }
    expect(walk({ strategy: recreate, can: [] }).steps).toHaveLength(2);
  });

  test('a walk through three releases where the platform has room for two', () => {
    const from = { ...half('rA'), ...half('rC') };
    expect(formatError(refusal({ from, can: ['overlap'] }))).toBe([
      'error ND-ABILITY-MISSING: the platform local cannot do this walk',
      '  why: it cannot run more than two releases at once (many)',
      '  next: first deploy or roll back to one of rA and rC, or use the strategy recreate',
    ].join('\n'));
    expect(walk({ from, can: ['overlap'], strategy: recreate }).steps).toHaveLength(2);
    expect(walk({ from: { ...half('rA'), ...half('rB') }, can: ['overlap'] }).steps).toHaveLength(1);
  });

  test('a warm release makes room first', () => {
    const from: Observed = { ...A, rW: { processes: { web: { running: 1, ready: 1, draining: 0 } }, weight: 0, until: 'T' } };
    expect(walk({ from, can: ['overlap'] }).steps.map((step) => ('reach' in step ? Object.keys(step.reach) : []))).toEqual([['rA'], ['rA', 'rB'], ['rB']]);
    expect(walk({ from, can: ['overlap'], strategy: { type: 'rolling', batch: 100 } }).steps).toHaveLength(2);
  });

  test.each(['canarry', 'constructor', '__proto__'])('the strategy %s, which does not exist', (type) => {
    const error = refusal({ strategy: { type } as unknown as StrategyOptions });
    expect(error).toMatchObject({ code: 'ND-OPTION-INVALID', severity: 'refused', parts: { what: `there is no strategy "${type}"`, why: 'this version has recreate, rolling, blue-green and canary' } });
  });
});
