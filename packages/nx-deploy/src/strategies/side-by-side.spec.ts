/** What holds for every walk of blue-green and canary. */
import fc from 'fast-check';
import { least, shares, WEB, type Desired, type DesiredRelease, type Step } from '../model/index.js';
import { blueGreen } from './blue-green.js';
import { canary } from './canary.js';
import { ANALYSE, APPROVE, fleet, SMOKE } from './walk.spec-support.js';

const GOAL = 'rB';
const T = '2026-01-02T03:04:05.000Z';

/** What may run: warm releases, idle leftovers, mixes of up to three that serve, workers anywhere. */
const member = fc.record({
  id: fc.constantFrom('rA', GOAL, 'rC', 'rD'), web: fc.nat(9), worker: fc.nat(3), part: fc.nat(4), warm: fc.boolean(),
});
const before = fc.uniqueArray(member, { selector: ({ id }) => id, maxLength: 4 }).map((list) => {
  const weights = shares(Object.fromEntries(list.map(({ id, web, part }) => [id, web === 0 ? 0 : part])));
  return fleet(Object.fromEntries(list.map(({ id, web, worker, warm }) => {
    const weight = weights[id] ?? 0;
    return [id, [web, weight, { ...(worker === 0 ? {} : { worker }), ...(warm && weight === 0 ? { until: 'S' } : {}) }]];
  })));
});
const after = fc.record({ web: fc.integer({ min: 1, max: 12 }), worker: fc.nat(3) }).map(({ web, worker }) => fleet({ [GOAL]: [web, 100, worker === 0 ? {} : { worker }] }));
const smoke = fc.constantFrom([], SMOKE);
const soak = fc.constantFrom(0, 1_000);
const approve = fc.constantFrom({}, { approve: APPROVE });
const end = fc.record({ smoke, soak, until: fc.constantFrom({}, { until: T }), analyse: fc.constantFrom({}, { analyse: ANALYSE }), early: fc.constantFrom({}, { early: ['worker'] }) })
  .map(({ until, analyse, early, ...rest }) => ({ ...rest, ...until, ...analyse, ...early }));
const steps = fc.uniqueArray(fc.integer({ min: 1, max: 99 }), { minLength: 1, maxLength: 6 })
  .chain((weights) => fc.tuple(...weights.sort((a, b) => a - b).map((weight) => fc.tuple(soak, approve).map(([ms, asked]) => ({ weight, soak: ms, ...asked })))));

interface Walked {
  readonly from: Desired;
  readonly to: Desired;
  readonly walk: readonly Extract<Step, { reach: Desired }>[];
  readonly kept: string | undefined;
}

const reaching = (list: readonly Step[]) => list.flatMap((each) => ('reach' in each ? [each] : []));
const walks: Readonly<Record<string, fc.Arbitrary<Walked>>> = {
  'blue-green': fc.tuple(before, after, end, approve).map(([from, to, options, asked]) => ({ from, to, walk: reaching(blueGreen.walk(from, to, { ...options, ...asked })), kept: options.until })),
  canary: fc.tuple(before, after, end, steps).map(([from, to, options, list]) => ({ from, to, walk: reaching(canary.walk(from, to, { ...options, steps: list })), kept: options.until })),
};

const web = (release: DesiredRelease | undefined) => least(release?.processes[WEB]);
const workers = (each: Desired) => Object.values(each).reduce((sum, { processes }) => sum + least(processes['worker']), 0);
const weight = (each: Desired | undefined, id = GOAL) => each?.[id]?.weight ?? 0;
const serving = (each: Desired) => Object.keys(each).filter((id) => id !== GOAL && weight(each, id) > 0);
const running = (each: Desired) => Object.keys(each).filter((id) => web(each[id]) > 0);

describe.each(Object.entries(walks))('%s, from any fleet', (_name, arbitrary) => {
  function holds(check: (walked: Walked) => void): void {
    fc.assert(fc.property(arbitrary, check), { numRuns: 300 });
  }

  test('weights sum to 100 while anything has traffic, and go only to web instances', () => holds(({ walk }) => {
    for (const { reach } of walk) {
      expect([0, 100]).toContain(Object.values(reach).reduce((sum, release) => sum + release.weight, 0));
      for (const release of Object.values(reach)) if (release.weight > 0) expect(web(release)).toBeGreaterThan(0);
    }
  }));

  test('nothing loses an instance that serves, or will, before the new release has all of the traffic', () => holds(({ from, walk }) => {
    for (const { reach } of walk.filter((each) => weight(each.reach) < 100)) if (reach[GOAL] !== undefined) expect(web(reach[GOAL])).toBeGreaterThanOrEqual(web(from[GOAL]));
    for (const { reach } of walk.filter((each) => weight(each.reach) < 100)) for (const id of serving(from)) expect(web(reach[id])).toBe(web(from[id]));
  }));

  test('the new release has the instances that its share stands for, before it has the share', () => holds(({ from, to, walk }) => {
    for (const { reach } of walk) {
      const unchanged = web(reach[GOAL]) === web(from[GOAL]) && weight(reach) === weight(from);
      if (!unchanged) expect(web(reach[GOAL])).toBeGreaterThanOrEqual(Math.ceil((web(to[GOAL]) * weight(reach)) / 100));
    }
    for (const { reach } of walk) if (weight(reach) === 100) expect(web(reach[GOAL])).toBe(web(to[GOAL]));
  }));

  test('its share never falls', () => holds(({ from, walk }) => {
    const shared = [from, ...walk.map(({ reach }) => reach)].map((each) => weight(each));
    expect(shared).toEqual([...shared].sort((a, b) => a - b));
  }));

  test('the last fleet is what is wanted, and at most one release that is kept warm', () => holds(({ from, to, walk, kept }) => {
    const { [GOAL]: goal, ...others } = walk.at(-1)?.reach ?? {};
    expect(goal).toEqual(to[GOAL]);
    expect(Object.keys(others).length).toBeLessThanOrEqual(1);
    for (const [id, release] of Object.entries(others)) {
      expect(release).toEqual({ processes: { web: { fixed: web(from[id]) } }, weight: 0, until: kept });
      for (const other of serving(from)) expect(weight(from, id)).toBeGreaterThanOrEqual(weight(from, other));
    }
    if (kept !== undefined && serving(from).length > 0) expect(Object.keys(others)).toHaveLength(1);
  }));

  test('until it is committed, what served is there to go back to; no other release is named', () => holds(({ from, to, walk }) => {
    const commit = walk.findIndex((each) => each.commit === true);
    for (const { reach } of walk.slice(0, commit + 1)) for (const id of serving(from)) expect(web(reach[id])).toBe(web(from[id]));
    for (const { reach } of walk) for (const id of Object.keys(reach)) expect([...Object.keys(from), ...Object.keys(to)]).toContain(id);
  }));

  test('no more than what serves and the new release run from the second fleet on', () => holds(({ from, walk }) => {
    for (const { reach } of walk.slice(1)) expect(running(reach).length).toBeLessThanOrEqual(serving(from).length + 1);
    for (const { reach } of walk) for (const id of running(reach)) if (web(from[id]) === 0) expect(id).toBe(GOAL);
  }));

  test('a walk of several fleets commits once, with all of the traffic; no gate comes after that', () => holds(({ from, walk }) => {
    const commits = walk.filter((each) => each.commit === true);
    if (serving(from).length > 0) expect(commits.map(({ reach }) => weight(reach))).toEqual([100]);
    const index = walk.findIndex((each) => each.commit === true);
    if (index >= 0) for (const each of walk.slice(index + 1)) expect(each.then).toBeUndefined();
    expect(walk.filter((each) => weight(each.reach) === 100).every((each) => each === walk.at(-1) || each.commit === true)).toBe(true);
  }));

  test('workers that run before and after run in every fleet between', () => holds(({ from, to, walk }) => {
    if (workers(from) > 0 && workers(to) > 0) for (const { reach } of walk) expect(workers(reach)).toBeGreaterThan(0);
  }));

  test('no release is kept warm on the way but in the last fleet, and no fleet comes twice', () => holds(({ walk }) => {
    for (const { reach } of walk.slice(0, -1)) for (const release of Object.values(reach)) expect(release.until).toBeUndefined();
    const texts = walk.map(({ reach }) => JSON.stringify(reach));
    expect(new Set(texts).size).toBe(texts.length);
  }));
});
