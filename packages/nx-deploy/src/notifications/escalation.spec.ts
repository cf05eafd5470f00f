import { escalationOf, levelAfter, type Ended } from './escalation.js';

const MINUTE = 60_000;
const NOW = Date.parse('2026-01-01T12:00:00Z');

function ended(minutesAgo: number, outcome: Ended['outcome'], rest: Partial<Ended> = {}): Ended {
  return { at: new Date(NOW - minutesAgo * MINUTE).toISOString(), run: `run-${minutesAgo}`, release: 'rB', outcome, code: outcome === 'done' ? undefined : 'ND-GATE-FAILED', ...rest };
}

test.each([[0, 1], [14.9, 1], [15, 2], [29.9, 2], [30, 3], [59.9, 3], [60, 4], [10_000, 4], [-5, 1], [NaN, 1]])('%d minutes are level %d', (minutes, level) => {
  expect(levelAfter(minutes * MINUTE)).toBe(level);
});

test('a failure has the level of the first in its row', () => {
  const now = ended(0, 'restored', { run: 'now' });
  expect(escalationOf([ended(90, 'restored'), ended(80, 'done'), ended(40, 'restored'), ended(20, 'not-restored'), now], 'now', NOW).level).toBe(3);
  expect(escalationOf([ended(90, 'restored'), ended(80, 'done'), now], 'now', NOW)).toEqual({ level: 1, repeated: false });
  expect(escalationOf([now], 'now', NOW).level).toBe(1);
});

test('a success has the level of what it ends, and so has what begins or waits', () => {
  expect(escalationOf([ended(61, 'restored'), ended(0, 'done', { run: 'now' })], 'now', NOW).level).toBe(4);
  expect(escalationOf([ended(16, 'restored')], 'begins', NOW).level).toBe(2);
  expect(escalationOf([], 'first', NOW)).toEqual({ level: 1, repeated: false });
});

test('the same failure of the same release is told once on each level', () => {
  const first = ended(20, 'restored');
  expect(escalationOf([first, ended(4, 'restored'), ended(0, 'restored', { run: 'now' })], 'now', NOW).repeated).toBe(true);
  expect(escalationOf([first, ended(6, 'restored'), ended(0, 'restored', { run: 'now' })], 'now', NOW).repeated).toBe(false);
  expect(escalationOf([first, ended(4, 'restored', { release: 'rC' }), ended(0, 'restored', { run: 'now' })], 'now', NOW).repeated).toBe(false);
  expect(escalationOf([first, ended(4, 'restored', { code: 'ND-NOT-READY' }), ended(0, 'restored', { run: 'now' })], 'now', NOW).repeated).toBe(false);
  expect(escalationOf([first, ended(4, 'restored'), ended(0, 'done', { run: 'now' })], 'now', NOW).repeated).toBe(false);
  expect(escalationOf([first, ended(4, 'restored'), ended(0, 'not-restored', { run: 'now' })], 'now', NOW).repeated).toBe(false);
});
