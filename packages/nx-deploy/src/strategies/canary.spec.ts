import type { Gate, Step } from '../model/index.js';
import { canary, type CanaryWalk } from './canary.js';
import { ANALYSE, APPROVE, ASKED, fleet, SMOKE, step, type Short } from './walk.spec-support.js';

const T = '2026-01-02T03:04:05.000Z';
const A4 = { rA: [4, 100] } as const;
const B4 = { rB: [4, 100] } as const;
const smoke: Gate = { smoke: SMOKE };
const soak = (ms: number): Gate => ({ soak: ms, analyse: ANALYSE });
const three: CanaryWalk = { steps: [{ weight: 5, soak: 10 }, { weight: 25, soak: 20, approve: APPROVE }, { weight: 50, soak: 30 }], smoke: SMOKE, soak: 40, analyse: ANALYSE, until: T };
const end: readonly Step[] = [step({ rA: [4, 0], rB: [4, 100] }, [soak(40)], true), step({ rA: [4, 0, { until: T }], rB: [4, 100] })];

test.each<[string, Short, Short, Partial<CanaryWalk>, readonly Step[]]>([
  ['shares grow, with instances for each', A4, B4, {}, [
    step({ rA: [4, 100], rB: [1, 0] }, [smoke]),
    step({ rA: [4, 95], rB: [1, 5] }, [soak(10)]),
    step({ rA: [4, 75], rB: [1, 25] }, [soak(20), ASKED]),
    step({ rA: [4, 50], rB: [2, 50] }, [soak(30)]),
    ...end,
  ]],
  ['without smoke checks the first share comes first', A4, B4, { smoke: [], steps: [{ weight: 30, soak: 0 }] }, [step({ rA: [4, 70], rB: [2, 30] }), ...end]],
  ['the checks are made with the instances of the first share', A4, B4, { steps: [{ weight: 60, soak: 5 }] }, [step({ rA: [4, 100], rB: [3, 0] }, [smoke]), step({ rA: [4, 40], rB: [3, 60] }, [soak(5)]), ...end]],
  ['a step without a soak may still ask', A4, B4, { smoke: [], steps: [{ weight: 10, soak: 0, approve: APPROVE }] }, [step({ rA: [4, 90], rB: [1, 10] }, [ASKED]), ...end]],
  ['a share that is there already is not made smaller', { rA: [2, 70], rB: [2, 30] }, B4, {}, [
    step({ rA: [2, 70], rB: [2, 30] }, [smoke]), step({ rA: [2, 50], rB: [2, 50] }, [soak(30)]),
    step({ rA: [2, 0], rB: [4, 100] }, [soak(40)], true), step({ rA: [2, 0, { until: T }], rB: [4, 100] }),
  ]],
  ['a share that is one of the steps is watched for the whole time again', { rA: [4, 75], rB: [1, 25] }, B4, {}, [
    step({ rA: [4, 75], rB: [1, 25] }, [smoke, soak(20), ASKED]), step({ rA: [4, 50], rB: [2, 50] }, [soak(30)]), ...end,
  ]],
  ['a share beyond the last step goes on with all instances', { rA: [4, 40], rB: [3, 60] }, B4, {}, [step({ rA: [4, 40], rB: [4, 60] }, [smoke]), ...end]],
  ['a share with too few instances gets them first', { rA: [4, 60], rB: [1, 40] }, B4, {}, [step({ rA: [4, 60], rB: [2, 40] }, [smoke]), step({ rA: [4, 50], rB: [2, 50] }, [soak(30)]), ...end]],
  ['a warm release is walked through the shares without starting anything', { rA: [4, 100], rB: [4, 0, { until: 'S' }] }, B4, { steps: [{ weight: 5, soak: 10 }] }, [
    step({ rA: [4, 100], rB: [4, 0] }, [smoke]), step({ rA: [4, 95], rB: [4, 5] }, [soak(10)]), ...end,
  ]],
  ['a warm release of another time goes first', { rW: [4, 0, { until: 'S' }], rA: [4, 100] }, B4, { smoke: [], steps: [{ weight: 5, soak: 10 }] }, [step(A4), step({ rA: [4, 95], rB: [1, 5] }, [soak(10)]), ...end]],
  ['workers change hands at the switch, early ones start first', { rA: [4, 100, { worker: 2, clock: 1 }] }, { rB: [4, 100, { worker: 1, clock: 1 }] }, { smoke: [], steps: [{ weight: 5, soak: 10 }], early: ['clock'], soak: 0 }, [
    step({ rA: [4, 95, { worker: 2, clock: 1 }], rB: [1, 5, { clock: 1 }] }, [soak(10)]),
    step({ rA: [4, 0], rB: [4, 100, { worker: 1, clock: 1 }] }, [], true), step({ rA: [4, 0, { until: T }], rB: [4, 100, { worker: 1, clock: 1 }] }),
  ]],
  ['a mix of old releases keeps its proportion', { rA: [1, 25], rC: [3, 75] }, B4, { smoke: [], steps: [{ weight: 20, soak: 1 }], soak: 0 }, [
    step({ rA: [1, 20], rC: [3, 60], rB: [1, 20] }, [soak(1)]), step({ rC: [3, 0], rA: [1, 0], rB: [4, 100] }, [], true), step({ rC: [3, 0, { until: T }], rB: [4, 100] }),
  ]],
  ['other numbers of the same release', A4, { rA: [6, 100] }, {}, [step({ rA: [6, 100] })]],
  ['a first deploy', {}, B4, {}, [step(B4)]],
  ['nothing wanted', A4, {}, {}, [step({})]],
])('%s', (_what, from, to, changes, expected) => {
  expect(canary.walk(fleet(from), fleet(to), { ...three, ...changes })).toEqual(expected);
});

test('nothing is kept warm', () => {
  expect(canary.walk(fleet(A4), fleet(B4), { steps: [{ weight: 50, soak: 1 }], smoke: [], soak: 0 })).toEqual([
    step({ rA: [4, 50], rB: [2, 50] }, [{ soak: 1 }]), step({ rA: [4, 0], rB: [4, 100] }, [], true), step(B4),
  ]);
});

test('needs two releases side by side, and traffic by percent', () => expect(canary.needs).toEqual(['overlap', 'split']));
