import { Warmth } from './warmth.js';

const HOUR = 3_600_000;
const START = Date.parse('2031-05-01T10:00:00.000Z');
const at = (ms: number): string => new Date(START + ms).toISOString();

let wall: number;
let steady: number;
let warmth: Warmth;
beforeEach(() => {
  wall = START;
  steady = 500;
  warmth = new Warmth({ wall: () => wall, steady: () => steady });
});

function pass(ms: number): void {
  wall += ms;
  steady += ms;
}

test('a release is over when its time has come, and is due from then on', () => {
  warmth.keep({ a: at(HOUR) });
  pass(HOUR - 1);
  expect([warmth.isOver('a'), warmth.due]).toEqual([false, false]);
  pass(1);
  expect([warmth.isOver('a'), warmth.due]).toEqual([true, true]);
  expect(warmth.isOver('unknown')).toBe(false);
});

test('a clock that is set back keeps it for no longer than it was to be kept', () => {
  warmth.keep({ a: at(HOUR) });
  pass(HOUR / 2);
  wall -= 24 * HOUR;
  pass(HOUR / 2 - 1);
  expect(warmth.isOver('a')).toBe(false);
  pass(1);
  expect(warmth.isOver('a')).toBe(true);
});

test('a clock that is set forward ends it early', () => {
  warmth.keep({ a: at(HOUR) });
  wall += HOUR;
  expect(warmth.isOver('a')).toBe(true);
});

test('the same time said again moves no deadline; another time is another deadline', () => {
  warmth.keep({ a: at(HOUR) });
  wall -= HOUR;
  warmth.keep({ a: at(HOUR), b: at(HOUR) });
  pass(HOUR);
  expect([warmth.isOver('a'), warmth.isOver('b')]).toEqual([true, false]);
  warmth.keep({ a: at(3 * HOUR) });
  expect(warmth.isOver('a')).toBe(false);
});

test('what is not said any more is forgotten', () => {
  warmth.keep({ a: at(HOUR) });
  warmth.keep({});
  pass(2 * HOUR);
  expect(warmth.due).toBe(false);
});
