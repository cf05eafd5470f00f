import fc from 'fast-check';
import { least, shares, WEB, type Desired, type DesiredRelease } from '../model/index.js';
import { rolling } from './rolling.js';

type Short = Readonly<Record<string, readonly [web: number, weight: number, workers?: number]>>;

function fleet(releases: Short): Desired {
  return Object.fromEntries(Object.entries(releases).map(([id, [web, weight, workers]]) => [id, {
    processes: { web: { fixed: web }, ...(workers === undefined ? {} : { worker: { fixed: workers } }) }, weight,
  }]));
}

function fleets(from: Desired, to: Desired, batch: number, early?: readonly string[]): readonly Desired[] {
  return rolling.walk(from, to, { batch, ...(early === undefined ? {} : { early }) }).map((step) => {
    if (!('reach' in step) || step.then !== undefined || step.commit !== undefined) throw new Error('not a plain step');
    return step.reach;
  });
}

const A4 = { rA: [4, 100] } as const;
const B4 = { rB: [4, 100] } as const;

test.each<[string, Short, Short, number, readonly Short[]]>([
  ['a quarter at a time', A4, B4, 25, [{ rA: [3, 75], rB: [1, 25] }, { rA: [2, 50], rB: [2, 50] }, { rA: [1, 25], rB: [3, 75] }, B4]],
  ['half at a time', A4, B4, 50, [{ rA: [2, 50], rB: [2, 50] }, B4]],
  ['three quarters, then the rest', A4, B4, 75, [{ rA: [1, 25], rB: [3, 75] }, B4]],
  ['all at once', A4, B4, 100, [B4]],
  ['at least one instance', A4, B4, 1, [{ rA: [3, 75], rB: [1, 25] }, { rA: [2, 50], rB: [2, 50] }, { rA: [1, 25], rB: [3, 75] }, B4]],
  ['thirds sum to 100', { rA: [3, 100] }, { rB: [3, 100] }, 34, [{ rA: [2, 67], rB: [1, 33] }, { rA: [1, 33], rB: [2, 67] }, { rB: [3, 100] }]],
  ['two become five', { rA: [2, 100] }, { rB: [5, 100] }, 40, [{ rA: [2, 50], rB: [2, 50] }, { rA: [1, 20], rB: [4, 80] }, { rB: [5, 100] }]],
  ['five become two', { rA: [5, 100] }, { rB: [2, 100] }, 50, [{ rA: [3, 75], rB: [1, 25] }, { rB: [2, 100] }]],
  ['none become three', {}, { rB: [3, 100] }, 25, [{ rB: [3, 100] }]],
  ['a release without instances is replaced at once', { rA: [0, 100] }, B4, 25, [B4]],
  ['one becomes one', { rA: [1, 100] }, { rB: [1, 100] }, 25, [{ rB: [1, 100] }]],
  ['other numbers of the same release', A4, { rA: [6, 100] }, 25, [{ rA: [6, 100] }]],
  ['an interrupted mix goes on', { rA: [2, 50], rB: [2, 50] }, B4, 25, [{ rA: [1, 25], rB: [3, 75] }, B4]],
  ['an interrupted mix goes back', { rA: [3, 75], rB: [1, 25] }, A4, 25, [A4]],
  ['a mix replaced by a third: the smaller part goes first', { rA: [1, 25], rB: [3, 75] }, { rC: [4, 100] }, 50, [{ rB: [2, 50], rC: [2, 50] }, { rC: [4, 100] }]],
  ['a warm release goes first, and gets no traffic', { rW: [4, 0], rA: [2, 100] }, { rB: [2, 100] }, 50, [{ rA: [2, 100] }, { rA: [1, 50], rB: [1, 50] }, { rB: [2, 100] }]],
  ['new instances without traffic yet are used', { rA: [4, 100], rB: [1, 0] }, B4, 50, [{ rA: [2, 40], rB: [3, 60] }, B4]],
  ['workers change hands with the last batch', { rA: [2, 100, 3] }, { rB: [2, 100, 1] }, 50, [{ rA: [1, 50, 3], rB: [1, 50] }, { rB: [2, 100, 1] }]],
  ['workers of a release without web instances run on until then', { rA: [1, 25, 1], rB: [3, 75] }, { rC: [4, 100, 1] }, 50, [{ rA: [0, 0, 1], rB: [2, 50], rC: [2, 50] }, { rC: [4, 100, 1] }]],
  ['a release that is wanted without traffic gets none, and starts at the end', { rA: [2, 100] }, { rC: [3, 0], rB: [2, 100] }, 50, [{ rA: [1, 50], rB: [1, 50] }, { rC: [3, 0], rB: [2, 100] }]],
  ['one that is there without traffic stays as it is until the end', { rA: [2, 100], rC: [1, 0] }, { rC: [3, 0], rB: [2, 100] }, 50, [{ rA: [1, 50], rC: [1, 0], rB: [1, 50] }, { rC: [3, 0], rB: [2, 100] }]],
  ['nothing wanted', A4, {}, 25, [{}]],
])('%s', (_what, from, to, batch, expected) => {
  expect(fleets(fleet(from), fleet(to), batch)).toEqual(expected.map(fleet));
});

test('early workers start with the first batch', () => {
  expect(fleets(fleet({ rA: [2, 100, 1] }), fleet({ rB: [2, 100, 2] }), 50, ['worker'])).toEqual([fleet({ rA: [1, 50, 1], rB: [1, 50, 2] }), fleet({ rB: [2, 100, 2] })]);
});

test('the only worker of an idle release is kept until its successor starts', () => {
  expect(fleets(fleet({ rW: [1, 0, 2], rA: [2, 100] }), fleet({ rB: [2, 100, 1] }), 50).map((each) => each['rW'])).toEqual([
    { processes: { worker: { fixed: 2 } }, weight: 0 }, { processes: { worker: { fixed: 2 }, web: { fixed: 0 } }, weight: 0 }, undefined,
  ]);
});

test('a range starts at its least, and the end is the range itself', () => {
  const to: Desired = { rB: { processes: { web: { min: 2, max: 8 } }, weight: 100 } };
  expect(fleets(fleet({ rA: [4, 100] }), to, 50)).toEqual([fleet({ rA: [2, 67], rB: [1, 33] }), to]);
});

test('needs two releases side by side', () => expect(rolling.needs).toEqual(['overlap']));

describe('for any two fleets', () => {
  const count = fc.nat(9);
  const workers = fc.option(fc.nat(3), { nil: undefined });
  const member = (ids: readonly string[]) => fc.record({ id: fc.constantFrom(...ids), web: count, worker: workers, idle: fc.boolean() });
  const build = (list: readonly { id: string; web: number; worker: number | undefined; idle: boolean }[]): Desired => {
    const weights = shares(Object.fromEntries(list.map(({ id, web, idle }) => [id, idle ? 0 : web])));
    return fleet(Object.fromEntries(list.map(({ id, web, worker }) => [id, worker === undefined ? [web, weights[id] ?? 0] : [web, weights[id] ?? 0, worker]])));
  };
  const before = fc.uniqueArray(member(['rA', 'rB', 'rC']), { selector: ({ id }) => id, maxLength: 3 }).map(build);
  const after = fc.uniqueArray(member(['rB', 'rD', 'rE']), { selector: ({ id }) => id, maxLength: 2 }).map(build);
  const batch = fc.integer({ min: 1, max: 100 });

  const web = (release: DesiredRelease | undefined) => least(release?.processes[WEB]);
  const total = (each: Desired, of: (release: DesiredRelease) => number) => Object.values(each).reduce((sum, release) => sum + of(release), 0);
  const serving = (each: Desired) => total(each, (release) => (release.weight > 0 ? web(release) : 0));

  function holds(check: (walk: { from: Desired; to: Desired; steps: readonly Desired[] }) => void): void {
    fc.assert(fc.property(before, after, batch, (from, to, percent) => check({ from, to, steps: fleets(from, to, percent) })), { numRuns: 500 });
  }

  test('the last is what is wanted, and all name only releases of both', () => holds(({ from, to, steps }) => {
    expect(steps.at(-1)).toBe(to);
    for (const step of steps) for (const id of Object.keys(step)) expect([...Object.keys(from), ...Object.keys(to)]).toContain(id);
  }));

  test('weights sum to 100 while anything has traffic, and go only to web instances', () => holds(({ steps }) => {
    for (const step of steps) {
      expect([0, 100]).toContain(total(step, ({ weight }) => weight));
      for (const release of Object.values(step)) if (release.weight > 0) expect(web(release)).toBeGreaterThan(0);
    }
  }));

  test('what serves is never less than the smaller of before and after', () => holds(({ from, to, steps }) => {
    const floor = Math.min(serving(from), serving(to));
    for (const step of steps) expect(serving(step)).toBeGreaterThanOrEqual(floor);
  }));

  test('workers that run before and after run in every fleet between', () => holds(({ from, to, steps }) => {
    const running = (each: Desired) => total(each, (release) => least(release.processes['worker']));
    if (running(from) > 0 && running(to) > 0) for (const step of steps) expect(running(step)).toBeGreaterThan(0);
  }));

  test('what leaves only shrinks, what arrives only grows until the end', () => holds(({ from, to, steps }) => {
    let last = from;
    for (const step of steps.slice(0, -1)) {
      for (const id of Object.keys({ ...last, ...step })) {
        const change = web(step[id]) - web(last[id]);
        expect(to[id] === undefined ? change <= 0 : change >= 0).toBe(true);
      }
      last = step;
    }
  }));

  test('no fleet comes twice', () => holds(({ from, steps }) => {
    const texts = [from, ...steps.slice(0, -1)].map((each) => JSON.stringify(each));
    expect(new Set(texts).size).toBe(texts.length);
  }));
});
