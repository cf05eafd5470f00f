import { blueGreen, type BlueGreenWalk } from './blue-green.js';
import { ANALYSE, APPROVE, ASKED, fleet, SMOKE, step, type Short } from './walk.spec-support.js';
import type { Step } from '../model/index.js';

const T = '2026-01-02T03:04:05.000Z';
const A4 = { rA: [4, 100] } as const;
const B4 = { rB: [4, 100] } as const;
const plain: BlueGreenWalk = { smoke: [], soak: 0, until: T };
const smoke = [{ smoke: SMOKE }];

test.each<[string, Short, Short, BlueGreenWalk, readonly Step[]]>([
  ['all gates, and the old one is kept warm', A4, B4, { smoke: SMOKE, approve: APPROVE, soak: 5_000, analyse: ANALYSE, until: T }, [
    step({ rA: [4, 100], rB: [4, 0] }, [...smoke, ASKED]),
    step({ rA: [4, 0], rB: [4, 100] }, [{ soak: 5_000, analyse: ANALYSE }], true),
    step({ rA: [4, 0, { until: T }], rB: [4, 100] }),
  ]],
  ['without gates', A4, B4, plain, [step({ rA: [4, 100], rB: [4, 0] }), step({ rA: [4, 0], rB: [4, 100] }, [], true), step({ rA: [4, 0, { until: T }], rB: [4, 100] })]],
  ['nothing is kept warm', A4, B4, { smoke: SMOKE, soak: 1_000 }, [step({ rA: [4, 100], rB: [4, 0] }, smoke), step({ rA: [4, 0], rB: [4, 100] }, [{ soak: 1_000 }], true), step(B4)]],
  ['another number of instances', { rA: [2, 100] }, { rB: [5, 100] }, plain, [step({ rA: [2, 100], rB: [5, 0] }), step({ rA: [2, 0], rB: [5, 100] }, [], true), step({ rA: [2, 0, { until: T }], rB: [5, 100] })]],
  ['workers change hands at the switch', { rA: [2, 100, { worker: 3 }] }, { rB: [2, 100, { worker: 1 }] }, plain, [
    step({ rA: [2, 100, { worker: 3 }], rB: [2, 0] }), step({ rA: [2, 0], rB: [2, 100, { worker: 1 }] }, [], true), step({ rA: [2, 0, { until: T }], rB: [2, 100, { worker: 1 }] }),
  ]],
  ['early workers start with the first instances', { rA: [2, 100, { worker: 3 }] }, { rB: [2, 100, { worker: 1, clock: 1 }] }, { ...plain, early: ['worker'] }, [
    step({ rA: [2, 100, { worker: 3 }], rB: [2, 0, { worker: 1 }] }), step({ rA: [2, 0], rB: [2, 100, { worker: 1, clock: 1 }] }, [], true),
    step({ rA: [2, 0, { until: T }], rB: [2, 100, { worker: 1, clock: 1 }] }),
  ]],
  ['a warm release of another time goes first', { rW: [4, 0, { until: 'S' }], rA: [4, 100] }, B4, { ...plain, smoke: SMOKE }, [
    step(A4), step({ rA: [4, 100], rB: [4, 0] }, smoke), step({ rA: [4, 0], rB: [4, 100] }, [], true), step({ rA: [4, 0, { until: T }], rB: [4, 100] }),
  ]],
  ['to a warm release that is whole, without gates: the switch alone', { rA: [4, 100, { worker: 1 }], rB: [4, 0, { until: 'S' }] }, { rB: [4, 100, { worker: 1 }] }, plain,
    [step({ rA: [4, 0, { until: T }], rB: [4, 100, { worker: 1 }] }, [], true)]],
  ['to a warm release that is whole, and what it replaces ends', { rA: [4, 100], rB: [4, 0, { until: 'S' }] }, B4, { smoke: [], soak: 0 }, [step({ rA: [4, 0], rB: [4, 100] }, [], true), step(B4)]],
  ['to a warm release that is whole, with gates', { rA: [4, 100], rB: [4, 0, { until: 'S' }] }, B4, { ...plain, smoke: SMOKE }, [
    step({ rA: [4, 100], rB: [4, 0] }, smoke), step({ rA: [4, 0], rB: [4, 100] }, [], true), step({ rA: [4, 0, { until: T }], rB: [4, 100] }),
  ]],
  ['to a warm release that is not whole', { rA: [4, 100], rB: [3, 0, { until: 'S' }] }, B4, plain, [
    step({ rA: [4, 100], rB: [4, 0] }), step({ rA: [4, 0], rB: [4, 100] }, [], true), step({ rA: [4, 0, { until: T }], rB: [4, 100] }),
  ]],
  ['a warm release with more instances keeps them until the switch', { rA: [1, 100], rB: [6, 0, { until: 'S' }] }, B4, { ...plain, smoke: SMOKE }, [
    step({ rA: [1, 100], rB: [6, 0] }, smoke), step({ rA: [1, 0], rB: [4, 100] }, [], true), step({ rA: [1, 0, { until: T }], rB: [4, 100] }),
  ]],
  ['an interrupted mix goes on with the share that is there', { rA: [3, 75], rB: [1, 25] }, B4, { ...plain, smoke: SMOKE }, [
    step({ rA: [3, 75], rB: [4, 25] }, smoke), step({ rA: [3, 0], rB: [4, 100] }, [], true), step({ rA: [3, 0, { until: T }], rB: [4, 100] }),
  ]],
  ['a mix of old releases is kept until the switch; the greater one stays warm', { rA: [1, 25], rC: [3, 75] }, B4, plain, [
    step({ rA: [1, 25], rC: [3, 75], rB: [4, 0] }), step({ rC: [3, 0], rA: [1, 0], rB: [4, 100] }, [], true), step({ rC: [3, 0, { until: T }], rB: [4, 100] }),
  ]],
  ['the only worker of an idle release is kept until the switch', { rW: [1, 0, { worker: 2 }], rA: [2, 100] }, { rB: [2, 100, { worker: 1 }] }, plain, [
    { reach: { ...fleet({ rA: [2, 100] }), rW: { processes: { worker: { fixed: 2 } }, weight: 0 } } },
    { reach: { ...fleet({ rA: [2, 100], rB: [2, 0] }), rW: { processes: { worker: { fixed: 2 } }, weight: 0 } } },
    step({ rA: [2, 0], rB: [2, 100, { worker: 1 }] }, [], true), step({ rA: [2, 0, { until: T }], rB: [2, 100, { worker: 1 }] }),
  ]],
  ['other numbers of the same release', A4, { rA: [6, 100] }, plain, [step({ rA: [6, 100] })]],
  ['a first deploy', {}, B4, plain, [step(B4)]],
  ['a release without instances is replaced at once', { rA: [0, 100] }, B4, plain, [step(B4)]],
  ['after a switch, what is left of the old one ends', { rA: [4, 0], rB: [4, 100] }, B4, plain, [step(B4)]],
  ['nothing wanted', A4, {}, plain, [step({})]],
])('%s', (_what, from, to, options, expected) => {
  expect(blueGreen.walk(fleet(from), fleet(to), options)).toEqual(expected);
});

test('a range starts at its least, and is a range from the switch on', () => {
  const to = { rB: { processes: { web: { min: 2, max: 8 } }, weight: 100 } };
  expect(blueGreen.walk(fleet(A4), to, plain)).toEqual([
    step({ rA: [4, 100], rB: [2, 0] }),
    { reach: { ...fleet({ rA: [4, 0] }), ...to }, commit: true },
    { reach: { ...fleet({ rA: [4, 0, { until: T }] }), ...to } },
  ]);
});

test('needs two releases side by side, and traffic by percent', () => expect(blueGreen.needs).toEqual(['overlap', 'split']));
