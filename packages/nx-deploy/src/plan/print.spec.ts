import type { Desired } from '../model/index.js';
import { makePlan, type Plan } from './plan.js';
import { printPlan } from './print.js';

const toB: Desired = { r2b2b2b2b2b2b: { processes: { web: { fixed: 4 }, worker: { fixed: 1 } }, weight: 100 } };

test('a rolling walk, one row per fleet', () => {
  const plan = makePlan({
    platform: { name: 'local', can: ['overlap'] }, strategy: { type: 'rolling', batch: 50 }, drift: [], to: toB,
    from: { r1a1a1a1a1a1a: { processes: { web: { running: 4, ready: 4, draining: 0 }, worker: { running: 2, ready: 2, draining: 0 } }, weight: 100 } },
  });
  expect(printPlan(plan)).toBe([
    'plan: rolling, 2 steps',
    'reason: new release r2b2b2b2b2b2b replaces r1a1a1a1a1a1a',
    '',
    'step  r1a1a1a1a1a1a   r2b2b2b2b2b2b   then',
    'now   4@100 worker=2  -',
    '1     2@50 worker=2   2@50',
    '2     -               4@100 worker=1',
  ].join('\n'));
});

test('gates, a commit, a warm release, a range and a walk of the platform itself', () => {
  const web = (fixed: number, weight: number) => ({ processes: { web: { fixed } }, weight });
  const plan: Plan = {
    kind: 'walk', strategy: 'canary', reason: 'new release rB replaces rA', from: { rA: web(4, 100) }, to: { rB: { processes: { web: { min: 2, max: 6 } }, weight: 100 } },
    steps: [
      { reach: { rB: web(1, 5), rA: web(4, 95) }, then: [{ smoke: [{ path: '/', status: 200 }, { path: '/old', status: 301 }] }, { approve: 'release team', expires: 86_400_000 }] },
      {
        reach: { rA: web(4, 0), rB: web(4, 100) }, commit: true,
        then: [{ soak: 600_000, analyse: { rules: [{ metric: 'errorRate', below: 0.05, of: 'absolute' }, { metric: 'latencyP95', below: 1.5, of: 'stable' }, { metric: 'latencyP50', below: 250, of: 'absolute' }], minimum: 20, inconclusive: 'stop' } }],
      },
      { native: 'canary', release: 'rB', desired: { rA: { ...web(4, 0), until: '2026-01-02T03:04:05Z' }, rB: { processes: {}, weight: 100 } } },
      { reach: { rB: { processes: { web: { min: 2, max: 6 }, cron: { fixed: 1 }, aide: { fixed: 1 } }, weight: 100 } }, then: [{ soak: 5_000 }] },
    ],
  };
  expect(printPlan(plan)).toBe([
    'plan: canary, 4 steps',
    'reason: new release rB replaces rA',
    '',
    'step  rA                              rB                     then',
    'now   4@100                           -',
    '1     4@95                            1@5                    smoke /=200 /old=301, approval within 24h 00m: release team',
    '2     4@0                             4@100                  soak 10m 00s while errorRate < 5% and latencyP95 < 1.5x stable and latencyP50 < 250ms, commit',
    '3     4@0 until 2026-01-02T03:04:05Z  0@100                  the platform does canary of rB itself',
    '4     -                               2-6@100 aide=1 cron=1  soak 5.0s',
  ].join('\n'));
});

test('what runs before the walk is shown with what is kept warm; a question with how long it waits', () => {
  const plan = makePlan({
    platform: { name: 'local', can: ['overlap', 'split'] }, drift: [], now: () => new Date('2026-01-01T00:00:00Z'),
    strategy: { type: 'blue-green', smoke: [{ path: '/health', status: 200 }], approve: { text: 'go?', expires: 86_400_000 }, soak: 300_000, keepWarm: 86_400_000 },
    from: {
      rW: { processes: { web: { running: 1, ready: 1, draining: 0 } }, weight: 0, until: '2026-01-01T09:00:00.000Z' },
      rA: { processes: { web: { running: 2, ready: 2, draining: 0 } }, weight: 100 },
    },
    to: { rB: { processes: { web: { fixed: 2 } }, weight: 100 } },
  });
  expect(printPlan(plan)).toBe([
    'plan: blue-green, 4 steps',
    'reason: new release rB replaces rA',
    '',
    'step  rA                                  rW                                  rB     then',
    'now   2@100                               1@0 until 2026-01-01T09:00:00.000Z  -',
    '1     2@100                               -                                   -',
    '2     2@100                               -                                   2@0    smoke /health=200, approval within 24h 00m: go?',
    '3     2@0                                 -                                   2@100  soak 5m 00s, commit',
    '4     2@0 until 2026-01-02T00:05:00.000Z  -                                   2@100',
  ].join('\n'));
});

test('one step, no step, and the order of columns does not depend on the order of keys', () => {
  const release = (weight: number) => ({ processes: { web: { fixed: 1 } }, weight });
  const walk = (from: Desired): Plan => ({ kind: 'walk', strategy: 'recreate', reason: 'r', from, to: { rC: release(100) }, steps: [{ reach: { rC: release(100) } }] });
  expect(printPlan(walk({ rA: release(50), rB: release(50) }))).toBe(printPlan(walk({ rB: release(50), rA: release(50) })));
  expect(printPlan(walk({}))).toBe('plan: recreate, 1 step\nreason: r\n\nstep  rC     then\nnow   -\n1     1@100');
  expect(printPlan({ kind: 'unchanged' })).toBe('plan: nothing to do, the wanted fleet is what runs');
});
