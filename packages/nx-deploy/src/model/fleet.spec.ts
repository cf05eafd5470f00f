import fc from 'fast-check';
import { asDesired, least, liveRelease, reached, sameProcesses, sameScale, satisfies, type Desired, type Observed } from './fleet.js';

function observed(running: number, ready: number, weight: number, draining = 0): Observed[string] {
  return { processes: { web: { running, ready, draining } }, weight };
}

const A2: Desired = { rA: { processes: { web: { fixed: 2 } }, weight: 100 } };

describe('scale', () => {
  test('the fewest instances', () => {
    expect([least({ fixed: 3 }), least({ min: 2, max: 5 }), least(undefined)]).toEqual([3, 2, 0]);
  });

  test.each([[1, false], [2, true], [5, true], [6, false]])('%d satisfies 2 to 5: %s', (running, satisfied) => {
    expect(satisfies({ min: 2, max: 5 }, running)).toBe(satisfied);
  });

  test('a fixed number is met by itself alone', () => {
    expect([2, 3, 4].map((running) => satisfies({ fixed: 3 }, running))).toEqual([false, true, false]);
  });

  test('same scales', () => {
    expect(sameScale({ fixed: 1 }, { fixed: 1 })).toBe(true);
    expect(sameScale({ fixed: 1 }, { fixed: 2 })).toBe(false);
    expect(sameScale({ fixed: 1 }, { min: 1, max: 1 })).toBe(false);
    expect(sameScale({ min: 1, max: 2 }, { fixed: 1 })).toBe(false);
    expect(sameScale({ min: 1, max: 2 }, { min: 1, max: 2 })).toBe(true);
    expect(sameScale({ min: 1, max: 2 }, { min: 1, max: 3 })).toBe(false);
    expect(sameScale(undefined, undefined)).toBe(true);
    expect(sameScale(undefined, { fixed: 0 })).toBe(false);
    expect(sameProcesses({ web: { fixed: 1 } }, { web: { fixed: 1 } })).toBe(true);
    expect(sameProcesses({ web: { fixed: 1 } }, { web: { fixed: 1 }, worker: { fixed: 1 } })).toBe(false);
  });
});

describe('reached', () => {
  test.each<[string, Observed, boolean]>([
    ['what is wanted', { rA: observed(2, 2, 100) }, true],
    ['one too few', { rA: observed(1, 1, 100) }, false],
    ['one not ready', { rA: observed(2, 1, 100) }, false],
    ['another weight', { rA: observed(2, 2, 50) }, false],
    ['nothing', {}, false],
    ['another release beside it', { rA: observed(2, 2, 100), rB: observed(1, 0, 0) }, false],
    ['the empty shell of another release', { rA: observed(2, 2, 100), rB: observed(0, 0, 0) }, true],
    ['traffic for a release that does not run', { rA: observed(2, 2, 100), rB: observed(0, 0, 10) }, false],
    ['instances that drain', { rA: observed(2, 2, 100, 1) }, true],
    ['kept until a time', { rA: { ...observed(2, 2, 100), until: '2026-01-01T00:00:00Z' } }, false],
    ['a process that is not wanted', { rA: { ...observed(2, 2, 100), processes: { web: { running: 2, ready: 2, draining: 0 }, worker: { running: 1, ready: 1, draining: 0 } } } }, false],
  ])('with %s', (_what, have, expected) => expect(reached(A2, have)).toBe(expected));

  test('a wanted process that is not observed', () => {
    expect(reached({ rA: { processes: { web: { fixed: 2 }, worker: { fixed: 1 } }, weight: 100 } }, { rA: observed(2, 2, 100) })).toBe(false);
    expect(reached({ rA: { processes: { web: { fixed: 2 }, worker: { fixed: 0 } }, weight: 100 } }, { rA: observed(2, 2, 100) })).toBe(true);
  });

  test('a release of no instances needs none; with traffic it has to be there', () => {
    expect(reached({ rA: { processes: { web: { fixed: 0 } }, weight: 0 } }, {})).toBe(true);
    expect(reached({ rA: { processes: { web: { fixed: 0 } }, weight: 100 } }, {})).toBe(false);
    expect(reached({}, {})).toBe(true);
  });
});

describe('asDesired', () => {
  test('keeps what runs, has traffic, or is kept warm', () => {
    const have: Observed = { rA: observed(2, 0, 0), rB: observed(0, 0, 100), rC: observed(0, 0, 0), rD: { ...observed(1, 1, 0), until: 'T' } };
    expect(asDesired(have)).toEqual({
      rA: { processes: { web: { fixed: 2 } }, weight: 0 },
      rB: { processes: { web: { fixed: 0 } }, weight: 100 },
      rD: { processes: { web: { fixed: 1 } }, weight: 0, until: 'T' },
    });
  });

  test('what runs, all of it ready, is reached', () => {
    const release = fc.record({ running: fc.nat(5), weight: fc.nat(100) }).map(({ running, weight }) => observed(running, running, weight));
    fc.assert(fc.property(fc.dictionary(fc.constantFrom('rA', 'rB', 'rC'), release), (have) => {
      expect(reached(asDesired(have), have)).toBe(true);
    }));
  });
});

test('the live release is the one with the most traffic', () => {
  expect(liveRelease({ rA: observed(1, 1, 25), rB: observed(3, 3, 75), rC: observed(9, 9, 0) })).toBe('rB');
  expect(liveRelease({ rA: observed(1, 1, 0) })).toBeUndefined();
  expect(liveRelease({})).toBeUndefined();
});
