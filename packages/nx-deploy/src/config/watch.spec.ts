import { DeployError } from '../errors.js';
import { parseConfig } from './load.js';
import { resolveEnvironment } from './resolve.js';
import type { ResolvedEnvironment } from './resolved.js';

const MINUTE = 60_000;

function resolved(top: object, staging: object = {}): ResolvedEnvironment {
  const text = JSON.stringify({ artifact: { type: 'files' }, ...top, environments: { staging } });
  return resolveEnvironment({ ...parseConfig(text, '/w/apps/api/deploy.json'), environment: 'staging', projectRoot: 'apps/api', workspaceRoot: '/w', projectName: 'api' });
}

function problems(top: object, staging: object = {}): readonly string[] {
  try {
    resolved(top, staging);
  } catch (error) {
    if (error instanceof DeployError && error.code === 'ND-CONFIG-INVALID') return error.parts.problems ?? [];
    throw error;
  }
  throw new Error('nothing was thrown');
}

const CHECKS = {
  orders: { type: 'http', url: '/health/orders' }, db: { type: 'tcp', host: 'db.internal', port: 5432, interval: '1s', timeout: '2s', failures: 1, errors: 9 },
  smoke: { type: 'command', run: ['node', 'check.js'], env: ['API_KEY'] },
  lag: { type: 'prometheus', url: 'http://prom:9090', query: 'max(lag)', limit: '< 0.5', token: 'PROM' }, rate: { type: 'prometheus', url: 'http://prom:9090', query: 'up', limit: '>-10' },
};
const often = { interval: 5_000, timeout: 5_000, failures: 3, errors: 4 };

describe('the watch', () => {
  test('that is a duration looks for what the strategy limits, or for what is bad anyway', () => {
    const slow = { window: 10 * MINUTE, lasting: true, rules: [{ metric: 'latencyP95', below: 1.5, of: 'baseline' }, { metric: 'latencyP95', below: 2_000, of: 'absolute' }] };
    const errors = { window: 3 * MINUTE, rules: [{ metric: 'errorRate', below: 0.05, of: 'absolute' }] };
    const others = { unhealthy: 5 * MINUTE, minimum: 20, baseline: 10 * MINUTE, probes: [], inconclusive: 'keep' };
    expect(resolved({ watch: '20m' }).watch).toEqual({ time: 20 * MINUTE, terms: { ...others, triggers: [errors, slow] } });
    expect(resolved({ strategy: 'canary' }).watch.terms.triggers).toEqual([errors, slow]);
    const strategy = { type: 'canary', analyse: { errorRate: ['< 1.5x stable', '< 2%'], latencyP99: '< 3s', minimum: 7 } };
    expect(resolved({ strategy }).watch).toEqual({
      time: 30_000,
      terms: { ...others, minimum: 7, triggers: [{ window: 3 * MINUTE, rules: [{ metric: 'errorRate', below: 0.02, of: 'absolute' }, { metric: 'latencyP99', below: 3_000, of: 'absolute' }] }, slow] },
    });
  });

  test('has triggers of its own, of which times wait for their window', () => {
    const { watch } = resolved({
      checks: CHECKS,
      watch: { time: '15m', unhealthy: '0s', triggers: [{ errorRate: ['< 2%', '< 2x baseline'], latencyP50: '< 1s', window: '5m' }, { errorRate: '< 1% over baseline' }], checks: ['db'], minimum: 3, baseline: '1h', inconclusive: 'rollback' },
    });
    expect(watch).toEqual({
      time: 15 * MINUTE,
      terms: {
        unhealthy: 0, minimum: 3, baseline: 60 * MINUTE, inconclusive: 'rollback',
        triggers: [
          { window: 5 * MINUTE, rules: [{ metric: 'errorRate', below: 0.02, of: 'absolute' }, { metric: 'errorRate', below: 2, of: 'baseline' }] },
          { window: 5 * MINUTE, lasting: true, rules: [{ metric: 'latencyP50', below: 1_000, of: 'absolute' }] },
          { window: 3 * MINUTE, rules: [{ metric: 'errorRate', below: 0.01, of: 'baseline', over: true }] },
        ],
        probes: [{ name: 'db', target: { type: 'tcp', host: 'db.internal', port: 5432 }, interval: 1_000, timeout: 2_000, failures: 1, errors: 9 }],
      },
    });
    expect(resolved({ watch: { triggers: [] } }).watch.terms.triggers).toEqual([]);
  });

  test('cannot compare with what is gone, nor wait for longer than it lasts', () => {
    expect(problems({ watch: { time: '15m', triggers: [{ errorRate: '< 1% over stable' }, {}, { latencyP95: '< 1s', window: '20m' }] } })).toEqual([
      expect.stringMatching(/^watch\.triggers\[0\]\.errorRate \(1:\d+\): must be a number or compare with "baseline"/),
      expect.stringMatching(/^watch\.triggers\[1\] .*: must have a limit: errorRate/),
      expect.stringMatching(/^watch\.triggers\[2\]\.window .*: must not be longer than the watch/),
    ]);
  });
});

describe('checks', () => {
  test('of every kind', () => {
    const { strategy } = resolved({ checks: CHECKS }, { strategy: { type: 'canary', analyse: { checks: ['orders', 'smoke', 'lag', 'rate'] } } });
    expect('analyse' in strategy ? strategy.analyse?.probes : undefined).toEqual([
      { name: 'orders', target: { type: 'http', url: '/health/orders' }, ...often },
      { name: 'smoke', target: { type: 'command', run: ['node', 'check.js'], env: ['API_KEY'] }, ...often },
      { name: 'lag', target: { type: 'prometheus', url: 'http://prom:9090', query: 'max(lag)', bound: 'below', limit: 0.5, token: 'PROM' }, ...often },
      { name: 'rate', target: { type: 'prometheus', url: 'http://prom:9090', query: 'up', bound: 'above', limit: -10 }, ...often },
    ]);
  });

  test('are reason enough for an analysis', () => {
    expect(resolved({ checks: CHECKS, strategy: { type: 'blue-green', soak: '1m', analyse: { checks: ['db'] } } }).strategy).toMatchObject({ analyse: { rules: [], probes: [{ name: 'db' }] } });
  });

  test('of an environment win over those at the top', () => {
    const { watch } = resolved({ checks: CHECKS, watch: { checks: ['orders', 'db'] } }, { checks: { db: { type: 'tcp', host: 'other', port: 1 } } });
    expect(watch.terms.probes).toMatchObject([{ target: { url: '/health/orders' } }, { target: { host: 'other' } }]);
  });

  test('have to be there, once', () => {
    expect(problems({ checks: CHECKS, watch: { checks: ['ordres', 'db', 'db', 'constructor'] } })).toEqual([
      expect.stringMatching(/^watch\.checks\[0\] \(1:\d+\): must be the name of a check under "checks", got "ordres"; did you mean "orders"\?$/),
      expect.stringMatching(/^watch\.checks\[2\] .*must be named once/),
      expect.stringMatching(/^watch\.checks\[3\] /),
    ]);
    expect(problems({}, { strategy: { type: 'canary', analyse: { checks: ['x'] } } })).toEqual([expect.stringMatching(/^environments\.staging\.strategy\.analyse\.checks\[0\] /)]);
    expect(() => parseConfig('{"artifact":{"type":"files"},"checks":{"__proto__":{"type":"tcp","host":"a","port":1}},"environments":{"a":{}}}', 'f')).toThrow('the deploy configuration has');
  });
});
