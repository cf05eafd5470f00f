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

describe('releases that are kept warm', () => {
  const NOW = () => new Date('2026-01-01T00:00:00Z');
  const HOUR = 3_600_000;
  const ready = (running: number) => ({ processes: { web: { running, ready: running, draining: 0 } } });
  const warm = (running: number, until = 'T'): Observed[string] => ({ ...ready(running), weight: 0, until });
  const kept = { processes: { web: { fixed: 1 } }, weight: 0, until: 'T' };
  const smoke = [{ path: '/health', status: 200 }];
  const blueGreen: StrategyOptions = { type: 'blue-green', smoke, soak: 60_000, keepWarm: HOUR, approve: { text: 'go?', expires: HOUR } };
  const canary: StrategyOptions = {
    type: 'canary', smoke, soak: 60_000, keepWarm: HOUR, sticky: true, header: 'x-canary', analyse: { rules: [], minimum: 1, inconclusive: 'stop' },
    steps: [{ weight: 10, soak: 60_000 }, { weight: 50, soak: 120_000, approve: { text: 'go?', expires: HOUR } }],
  };
  const every = [rolling, recreate, blueGreen, canary];

  test('are no difference, ready or not', () => {
    const from: Observed = { ...A, rW: { ...warm(2), processes: { web: { running: 2, ready: 0, draining: 1 } } } };
    for (const strategy of every) expect(plan({ to: toA, from, strategy })).toEqual({ kind: 'unchanged' });
  });

  test('stay when only numbers or settings change, and when that fails', () => {
    const to: Desired = { rA: { processes: { web: { fixed: 5 } }, weight: 100 } };
    const from: Observed = { ...A, rW: warm(1) };
    for (const strategy of every) {
      expect(plan({ to, from, strategy })).toEqual({
        kind: 'walk', strategy: strategy.type, reason: 'same release, the numbers differ', from: { ...toA, rW: kept }, to: { ...to, rW: kept }, steps: [{ reach: { ...to, rW: kept } }],
      });
      expect(walk({ to: toA, from, strategy, drift: ['sticky'] })).toMatchObject({ reason: 'same release, settings differ: sticky', steps: [{ reach: { ...toA, rW: kept } }] });
    }
  });

  test('that are not wanted make room, and a failure does not bring them back', () => {
    for (const strategy of every) {
      const made = walk({ from: { ...A, rW: warm(1) }, strategy, now: NOW, can: ['overlap', 'split'] });
      expect(made).toMatchObject({ from: toA, running: { ...toA, rW: kept }, reason: 'new release rB replaces rA' });
      for (const each of made.steps) expect('reach' in each ? each.reach['rW'] : undefined).toBeUndefined();
    }
    expect(walk({ from: { rW: warm(1) } })).toMatchObject({ from: {}, steps: [{ reach: toB }], reason: 'nothing but what is kept warm runs, release rB gets the traffic' });
    expect(walk({ from: { rB: warm(1) }, strategy: recreate })).toMatchObject({ from: { rB: kept }, steps: [{ reach: toB }] });
    expect(walk({})).not.toHaveProperty('running');
  });

  test('that are wanted are the goal: a failure puts them back as they were', () => {
    const made = walk({ from: { ...A, rB: warm(2) }, strategy: blueGreen, now: NOW });
    expect(made).toMatchObject({ from: { ...toA, rB: { processes: { web: { fixed: 2 } }, weight: 0, until: 'T' } }, reason: 'release rB, which was kept warm, replaces rA' });
    expect(made.steps).toHaveLength(3);
  });

  test('are kept from the end of the soaks on', () => {
    const lastOf = (strategy: StrategyOptions, urgent = false) => walk({ strategy, urgent, now: NOW }).to['rA'];
    expect(lastOf(blueGreen)).toEqual({ processes: { web: { fixed: 2 } }, weight: 0, until: '2026-01-01T01:01:00.000Z' });
    expect(lastOf(canary)?.until).toBe('2026-01-01T01:04:00.000Z');
    expect(lastOf(canary, true)?.until).toBe('2026-01-01T01:00:00.000Z');
    expect(lastOf({ ...blueGreen, keepWarm: 0 })).toBeUndefined();
    const before = Date.now();
    const until = Date.parse(walk({ strategy: blueGreen }).to['rA']?.until ?? '');
    expect(until).toBeGreaterThanOrEqual(before + HOUR + 60_000);
    expect(until).toBeLessThanOrEqual(Date.now() + HOUR + 60_000);
  });

  test('the last fleet is where the walk goes to', () => {
    for (const strategy of every) {
      const made = walk({ strategy, now: NOW });
      expect(made.steps.at(-1)).toMatchObject({ reach: made.to });
    }
    expect(walk({ strategy: canary, now: NOW }).steps).toEqual(STRATEGIES.canary.walk(toA, toB, { ...canary, until: '2026-01-01T01:04:00.000Z' }));
  });

  test('a rollback passes no gates: one fleet to a warm release, else without a stop', () => {
    const until = '2026-01-01T01:00:00.000Z';
    const behind = { ...toA['rA'], weight: 0 };
    for (const strategy of [blueGreen, canary]) {
      expect(walk({ strategy, urgent: true, now: NOW, from: { ...A, rB: warm(2) } }).steps).toEqual([{ reach: { rA: { ...behind, until }, ...toB }, commit: true }]);
      const made = walk({ strategy, urgent: true, now: NOW });
      expect(made).toMatchObject({ strategy: strategy.type, reason: 'release rB replaces rA, at once' });
      expect(made.steps).toEqual([
        { reach: { ...toA, rB: { processes: { web: { fixed: 2 } }, weight: 0 } } }, { reach: { rA: behind, ...toB }, commit: true }, { reach: { rA: { ...behind, until }, ...toB } },
      ]);
    }
    expect(walk({ urgent: true })).toEqual(walk({}));
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

  test.each(['blue-green', 'canary'] as const)('%s where traffic cannot be split', (type) => {
    const options = { smoke: [], soak: 0, keepWarm: 0 };
    const strategy: StrategyOptions = type === 'canary' ? { ...options, type, steps: [{ weight: 5, soak: 0 }], sticky: false } : { ...options, type };
    expect(formatError(refusal({ strategy, can: ['overlap'] }))).toBe([
      `error ND-ABILITY-MISSING: the platform local cannot do ${type}`,
      '  why: it cannot split the traffic by percent (split)',
      '  next: use a strategy that it can do: recreate and rolling',
    ].join('\n'));
    expect(refusal({ strategy, from: { ...half('rA'), ...half('rC') }, can: ['overlap', 'split'] }).parts.why).toBe('it cannot run more than two releases at once (many)');
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
