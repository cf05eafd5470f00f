import type { Desired } from '../model/index.js';
import { recreate } from './recreate.js';

const A: Desired = { rA: { processes: { web: { fixed: 2 } }, weight: 100 } };
const A4: Desired = { rA: { processes: { web: { fixed: 4 } }, weight: 100 } };
const B: Desired = { rB: { processes: { web: { fixed: 1 } }, weight: 100 } };
const mix: Desired = { rA: { processes: { web: { fixed: 1 } }, weight: 50 }, rB: { processes: { web: { fixed: 1 } }, weight: 50 } };
const shell: Desired = { rA: { processes: { web: { fixed: 0 } }, weight: 0 } };

test.each<[string, Desired, Desired, readonly Desired[]]>([
  ['another release stops first', A, B, [{}, B]],
  ['a first deploy has nothing to stop', {}, B, [B]],
  ['what has neither instances nor traffic need not stop', shell, B, [B]],
  ['other numbers of the same release are one step', A, A4, [A4]],
  ['a mix stops as a whole', mix, B, [{}, B]],
  ['a range is started again like any other', { rA: { processes: { web: { min: 0, max: 3 } }, weight: 0 } }, B, [{}, B]],
  ['nothing wanted is one step', A, {}, [{}]],
])('%s', (_what, from, to, fleets) => {
  expect(recreate.walk(from, to, {})).toEqual(fleets.map((reach) => ({ reach })));
});

test('needs nothing of a platform', () => expect(recreate.needs).toEqual([]));
