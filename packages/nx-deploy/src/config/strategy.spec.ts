import { DeployError } from '../errors.js';
import { parseConfig } from './load.js';
import { resolveEnvironment } from './resolve.js';
import type { ResolvedEnvironment } from './resolved.js';

interface Given {
  readonly strategy?: unknown;
  readonly top?: object;
  readonly staging?: object;
  readonly defaults?: object;
  readonly override?: string;
}

function resolved({ strategy, top, staging, defaults, override }: Given): ResolvedEnvironment {
  const text = JSON.stringify({ artifact: { type: 'files' }, ...top, environments: { staging: { ...(strategy === undefined ? {} : { strategy }), ...staging } } });
  return resolveEnvironment({
    ...parseConfig(text, '/w/apps/api/deploy.json'), environment: 'staging', projectRoot: 'apps/api', workspaceRoot: '/w', projectName: 'api',
    ...(defaults === undefined ? {} : { defaults }), ...(override === undefined ? {} : { overrides: { strategy: override } }),
  });
}

function problems(given: Given): readonly string[] {
  try {
    resolved(given);
  } catch (error) {
    if (error instanceof DeployError && error.code === 'ND-CONFIG-INVALID') return error.parts.problems ?? [];
    throw error;
  }
  throw new Error('nothing was thrown');
}

const DAY = 86_400_000;
const MINUTE = 60_000;
const rules = (...list: readonly object[]) => ({ rules: list, minimum: 20, inconclusive: 'stop' });
const own = [{ metric: 'errorRate', below: 0.01, of: 'stable', over: true }, { metric: 'errorRate', below: 0.05, of: 'absolute' }];

const CANARY = {
  type: 'canary',
  steps: [{ weight: 5, soak: 10 * MINUTE }, { weight: 25, soak: 20 * MINUTE }, { weight: 50, soak: 30 * MINUTE }],
  smoke: [{ path: '/health', status: 200 }], soak: 0, analyse: rules(...own), keepWarm: DAY, sticky: false,
};
const BLUE_GREEN = { type: 'blue-green', smoke: [{ path: '/health', status: 200 }], soak: 0, keepWarm: DAY };

describe('what a strategy means', () => {
  test.each([
    ['canary', CANARY],
    [{ type: 'canary' }, CANARY],
    ['blue-green', BLUE_GREEN],
    [{ type: 'blue-green' }, BLUE_GREEN],
  ])('%j has its defaults', (strategy, expected) => {
    expect(resolved({ strategy }).strategy).toEqual(expected);
  });

  test('every key of a canary', () => {
    const strategy = {
      type: 'canary', steps: [{ weight: 10 }, { weight: 60, soak: '1m', approve: 'numbers fine?' }, { weight: 99, soak: '0s', approve: { text: 'all of it?', expires: '1h' } }],
      smoke: ['/login', { path: '/old', status: 301 }, { path: '/new' }], soak: '5m', keepWarm: '0s', sticky: true, header: 'X-Canary',
      analyse: { errorRate: '< 5%', latencyP95: '< 1.5x stable', latencyP50: '< 300ms', minimum: 100, inconclusive: 'ask' },
    };
    expect(resolved({ strategy }).strategy).toEqual({
      type: 'canary',
      steps: [{ weight: 10, soak: 10 * MINUTE }, { weight: 60, soak: MINUTE, approve: { text: 'numbers fine?', expires: DAY } }, { weight: 99, soak: 0, approve: { text: 'all of it?', expires: 3_600_000 } }],
      smoke: [{ path: '/login', status: 200 }, { path: '/old', status: 301 }, { path: '/new', status: 200 }], soak: 5 * MINUTE, keepWarm: 0, sticky: true, header: 'x-canary',
      analyse: {
        rules: [{ metric: 'errorRate', below: 0.05, of: 'absolute' }, { metric: 'latencyP50', below: 300, of: 'absolute' }, { metric: 'latencyP95', below: 1.5, of: 'stable' }],
        minimum: 100, inconclusive: 'ask',
      },
    });
  });

  test('every key of blue-green', () => {
    const strategy = { type: 'blue-green', smoke: [], approve: true, soak: '5m', keepWarm: '1h', analyse: { latencyP99: '< 2s' } };
    expect(resolved({ strategy }).strategy).toEqual({
      type: 'blue-green', smoke: [], approve: { text: 'give the new release all of the traffic?', expires: DAY }, soak: 5 * MINUTE, keepWarm: 3_600_000,
      analyse: rules({ metric: 'latencyP99', below: 2_000, of: 'absolute' }),
    });
    expect(resolved({ strategy: { type: 'blue-green', soak: '5m', analyse: false } }).strategy).not.toHaveProperty('analyse');
  });

  test('a canary keeps its limit on errors beside others, and none when it is told so', () => {
    const analyse = (given: unknown) => { const { strategy } = resolved({ strategy: { type: 'canary', analyse: given } }); return 'analyse' in strategy ? strategy.analyse : undefined; };
    expect(analyse({ latencyP95: '< 1s' })).toEqual(rules(...own, { metric: 'latencyP95', below: 1_000, of: 'absolute' }));
    expect(analyse({ minimum: 5 })).toEqual({ ...rules(...own), minimum: 5 });
    expect(analyse({})).toEqual(rules(...own));
    expect(analyse(false)).toBeUndefined();
  });

  test('the smoke check is the health path, wherever it is set', () => {
    expect(resolved({ strategy: 'blue-green', defaults: { health: { path: '/up' } } }).strategy).toMatchObject({ smoke: [{ path: '/up', status: 200 }] });
    expect(resolved({ strategy: 'canary', top: { health: { path: '/ready' } }, defaults: { health: { path: '/up' } } }).strategy).toMatchObject({ smoke: [{ path: '/ready', status: 200 }] });
  });

  test('a question names the share after which it is asked', () => {
    expect(resolved({ strategy: { type: 'canary', steps: [{ weight: 20, approve: true }] } }).strategy).toMatchObject({ steps: [{ approve: { text: 'go on from 20% of the traffic?' } }] });
  });

  test('the command line takes the defaults of its strategy, or what deploy.json says of the same', () => {
    expect(resolved({ strategy: 'rolling', override: 'canary' }).strategy).toEqual(CANARY);
    expect(resolved({ strategy: { type: 'blue-green', smoke: [] }, override: 'canary' }).strategy).toEqual(CANARY);
    expect(resolved({ strategy: { type: 'canary', sticky: true }, override: 'canary' }).strategy).toEqual({ ...CANARY, sticky: true });
    expect(resolved({ strategy: { type: 'canary', sticky: true }, override: 'blue-green' }).strategy).toEqual(BLUE_GREEN);
    expect(resolved({ strategy: { type: 'canary', sticky: true }, override: 'recreate' }).strategy).toEqual({ type: 'recreate' });
    expect(resolved({ strategy: { type: 'canary', sticky: true }, override: 'rolling' }).strategy).toEqual({ type: 'rolling', batch: 25 });
  });
});

describe('what does not go together', () => {
  test.each([
    [{ type: 'blue-green', analyse: { errorRate: '< 5%' } }, /^environments\.staging\.strategy\.analyse \(1:\d+\): must have a "soak" beside it/],
    [{ type: 'blue-green', soak: '1m', analyse: { minimum: 5 } }, /analyse .*must have a limit \(errorRate, latencyP50, latencyP95, latencyP99\) or checks$/],
    [{ type: 'blue-green', soak: '1m', analyse: { errorRate: '< 5%', latencyP95: ['< 1.5x stable', '< 2s'] } }, /analyse\.latencyP95 .*must be a number or compare with "baseline": in the soak of blue-green/],
    [{ type: 'canary', steps: [{ weight: 5, soak: '0s' }], analyse: { errorRate: '< 5%' } }, /analyse .*must have a "soak" in one of the steps/],
    [{ type: 'canary', soak: '1m', analyse: { errorRate: '< 1% over stable', latencyP95: '< 1.5x stable' } }, /analyse .*must have a limit that is a number or compares with "baseline", or checks/],
  ])('%j', (strategy, expected) => {
    expect(problems({ strategy })).toEqual([expect.stringMatching(expected)]);
  });

  test('a canary without a soak at its end may compare with the stable release alone, and one with it when something else is judged there', () => {
    const analyse = { errorRate: '< 1% over stable' };
    expect(resolved({ strategy: { type: 'canary', analyse } }).strategy).toMatchObject({ soak: 0, analyse: { rules: [{ of: 'stable' }] } });
    expect(resolved({ strategy: { type: 'canary', soak: '1m', analyse: { ...analyse, latencyP95: '< 1.5x baseline' } } }).strategy).toMatchObject({ soak: MINUTE });
    const checks = { orders: { type: 'http', url: '/health/orders' } };
    expect(resolved({ top: { checks }, strategy: { type: 'canary', soak: '1m', analyse: { ...analyse, checks: ['orders'] } } }).strategy).toMatchObject({ soak: MINUTE, analyse: { probes: [{ name: 'orders' }] } });
  });

  test('a problem of the strategy at the top, or of the workspace, is told with its place', () => {
    const strategy = { type: 'blue-green', analyse: { errorRate: '< 5%' } };
    expect(problems({ top: { strategy } })).toEqual([expect.stringMatching(/^strategy\.analyse \(1:/)]);
    expect(problems({ defaults: { strategy } })).toEqual([expect.stringMatching(/^environments\.staging\.strategy\.analyse/)]);
  });
});

describe('the deadline', () => {
  test.each([
    ['rolling', 20], ['recreate', 20], ['blue-green', 20], [{ type: 'blue-green', soak: '5m' }, 25],
    [{ type: 'blue-green', soak: '5m', analyse: { errorRate: '< 5%' } }, 30], ['canary', 140], [{ type: 'canary', soak: '10m' }, 160], [{ type: 'canary', soak: '10m', analyse: false }, 90],
    [{ type: 'canary', steps: [{ weight: 50, soak: '0s' }] }, 20],
  ])('of %j is 20 minutes and its soaks, those that are judged twice', (strategy, minutes) => {
    expect(resolved({ strategy }).deadline).toBe(minutes * MINUTE);
  });

  test('that is given must leave time for the soaks', () => {
    expect(problems({ strategy: 'canary', staging: { deadline: '30m' } })).toEqual([
      expect.stringMatching(/^environments\.staging\.deadline \(1:\d+\): must be longer than the soaks of the strategy canary, which take 1h 00m in all; with 30m 00s the deploy/),
    ]);
    expect(problems({ strategy: 'canary', top: { deadline: '1h' } })).toEqual([expect.stringMatching(/^deadline \(1:/)]);
    expect(problems({ defaults: { deadline: '1h' }, override: 'canary' })).toEqual([expect.stringMatching(/^environments\.staging\.deadline/)]);
    expect(resolved({ strategy: 'canary', staging: { deadline: '61m' } }).deadline).toBe(61 * MINUTE);
    expect(resolved({ strategy: 'rolling', staging: { deadline: '1s' } }).deadline).toBe(1_000);
  });

  test('is not longer than a timer can be', () => {
    expect(problems({ strategy: { type: 'canary', steps: [{ weight: 5, soak: '20d' }, { weight: 6, soak: '4d' }] } })).toEqual([expect.stringMatching(/strategy .*must not soak for more than 24 days/)]);
  });
});

test('how long a release is watched after its deploy', () => {
  expect(resolved({}).watch.time).toBe(30_000);
  expect(resolved({ top: { watch: '1m' } }).watch.time).toBe(60_000);
  expect(resolved({ top: { watch: '1m' }, staging: { watch: '0s' } }).watch.time).toBe(0);
  expect(resolved({ defaults: { watch: '2m' } }).watch.time).toBe(120_000);
});
