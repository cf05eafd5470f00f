import { BEAT, Pulse } from './pulse.js';

/** Asked every beat for so long, with what came at which time; the longest silence. */
function longest(until: number, heard: (now: number) => boolean, asked: (now: number) => boolean = () => true): number {
  const pulse = new Pulse(0);
  let most = 0;
  for (let now = BEAT; now <= until; now += BEAT) {
    if (heard(now)) pulse.heard(now);
    if (asked(now)) most = Math.max(most, pulse.silence(now));
  }
  return most;
}

test('one that tells regularly is not silent, and one that stops to is for as long as that lasts', () => {
  expect(longest(60_000, () => true)).toBe(0);
  expect(longest(60_000, (now) => now <= 30_000)).toBe(30_000);
});

test('one that never told anything does not count as silent', () => {
  expect(longest(60_000, () => false)).toBe(0);
});

test('what passes while this process does not run is no silence of the other', () => {
  // Both sleep for a minute; the other wakes 3 beats later.
  const asleep = (now: number): boolean => now > 10_000 && now <= 70_000;
  expect(longest(100_000, (now) => !asleep(now) && !(now > 70_000 && now < 73_000), (now) => !asleep(now))).toBeLessThan(5_000);
  // A machine so busy that every timer is late by seconds proves nothing.
  expect(longest(60_000, (now) => now === BEAT, (now) => now % (4 * BEAT) === 0)).toBe(0);
});

test('when this process runs again and the other does not, silence counts from there', () => {
  expect(longest(60_000, (now) => now <= 10_000, (now) => now <= 10_000 || now > 40_000)).toBe(60_000 - 41_000);
});
