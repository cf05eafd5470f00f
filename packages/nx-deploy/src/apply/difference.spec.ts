import type { Observed } from '../model/index.js';
import { growth, isUnready, processesText, readyWeb, sameWeights, servable, shortfalls, shrinkage, strands, weightsFor, weightsWithout } from './difference.js';

const counts = (running: number, ready = running) => ({ running, ready, draining: 0 });
const have: Observed = {
  rA: { processes: { web: counts(3), worker: counts(1) }, weight: 60 },
  rB: { processes: { web: counts(2, 0) }, weight: 40 },
  rC: { processes: { web: counts(0) }, weight: 0 },
};

test('growth starts what is missing and stops nothing', () => {
  expect(growth({ web: { fixed: 5 } }, have['rA'])).toEqual({ web: { fixed: 5 }, worker: { fixed: 1 } });
  expect(growth({ web: { fixed: 2 }, worker: { min: 2, max: 3 } }, have['rA'])).toEqual({ web: { fixed: 3 }, worker: { min: 2, max: 3 } });
  expect(growth({ web: { fixed: 2 } }, have['rA'])).toBeUndefined();
  expect(growth({ web: { fixed: 1 } }, undefined)).toEqual({ web: { fixed: 1 } });
  expect(growth({}, undefined)).toBeUndefined();
});

test('shrinkage stops what is too many', () => {
  expect(shrinkage({ web: { fixed: 3 } }, have['rA'])).toEqual({ web: { fixed: 3 }, worker: { fixed: 0 } });
  expect(shrinkage({ web: { min: 1, max: 2 }, worker: { fixed: 1 } }, have['rA'])).toEqual({ web: { min: 1, max: 2 }, worker: { fixed: 1 } });
  expect(shrinkage({ web: { min: 1, max: 3 }, worker: { fixed: 1 } }, have['rA'])).toBeUndefined();
  expect(shrinkage({ web: { fixed: 9 } }, undefined)).toBeUndefined();
});

test('readiness', () => {
  expect(['rA', 'rB', 'rC', 'rX'].map((id) => isUnready(have[id]))).toEqual([false, true, false, false]);
  expect(['rA', 'rB', 'rX'].map((id) => readyWeb(have[id]))).toEqual([3, 0, 0]);
});

test('weights name every release that is wanted or there, and no empty shell', () => {
  expect(weightsFor({ rD: { processes: {}, weight: 100 } }, have)).toEqual({ rD: 100, rA: 0, rB: 0 });
  expect(weightsWithout(['rA'], have)).toEqual({ rA: 0, rB: 40, rC: 0 });
  expect(sameWeights({ rA: 60, rB: 40 }, have)).toBe(true);
  expect(sameWeights({ rA: 60, rD: 40 }, have)).toBe(false);
});

test('traffic moves from what cannot serve to what can', () => {
  expect(servable({ rA: 60, rB: 40, rC: 0 }, have)).toEqual({ rA: 100, rB: 0, rC: 0 });
  expect(servable({ rB: 60, rX: 40 }, have)).toEqual({ rB: 60, rX: 40 });
  expect(servable({ rA: 100, rB: 0 }, have)).toEqual({ rA: 100, rB: 0 });
});

test('traffic is stranded when it is taken from what serves and given to what does not', () => {
  expect(strands({ rB: 100 }, have)).toBe(true);
  expect(strands({ rA: 1, rB: 99 }, have)).toBe(false);
  expect(strands({ rA: 0, rB: 0 }, have)).toBe(false);
  expect(strands({ rB: 100 }, { rB: have['rB']! })).toBe(false);
});

test('what is short is said per process', () => {
  const wanted = { rA: { processes: { web: { min: 4, max: 6 }, worker: { fixed: 1 } }, weight: 100 }, rD: { processes: { web: { fixed: 1 } }, weight: 0 } };
  expect(shortfalls(wanted, have, new Set(['rB']))).toEqual(['rA web: 3 running, 4-6 wanted', 'rD web: 0 running, 1 wanted']);
  expect(shortfalls({}, have, new Set(['rA']))).toEqual(['rB web: 2 running, 0 wanted']);
  expect(processesText({ web: { fixed: 2 }, cron: { min: 0, max: 1 } })).toBe('cron=0-1 web=2');
});
