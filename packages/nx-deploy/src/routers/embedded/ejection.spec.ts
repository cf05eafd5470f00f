import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { Balance, type Chooser } from './balance.js';
import { EJECTED, Ejection } from './ejection.js';
import { TargetState } from './in-flight.js';
import { target } from './router.spec-support.js';

let now = 0;
beforeEach(() => { now = 10_000; });

const ejection = (): Ejection => new Ejection(() => now);

it('lets one request probe at a time, and only after its time', () => {
  const watched = ejection();
  watched.begin(now);
  expect([watched.active, watched.probe()]).toEqual([true, false]);
  now += EJECTED;
  expect([watched.probe(), watched.probe()]).toEqual([true, false]);
  watched.begin(now); // it refused
  expect(watched.probe()).toBe(false);
  now += EJECTED;
  expect(watched.probe()).toBe(true);
  watched.abandon(); // its client left
  expect([watched.probe(), watched.active]).toEqual([true, true]);
  watched.end();
  expect(watched.active).toBe(false);
});

it('is not begun by what was tried before the release came back', () => {
  const watched = ejection();
  watched.begin(now);
  now += 2_000;
  watched.end();
  watched.begin(now - 1_000);
  expect(watched.active).toBe(false);
  watched.begin(now);
  expect(watched.active).toBe(true);
});

const heard: string[] = [];
beforeEach(() => { heard.length = 0; });
const chooser: Chooser = { passedOver: (release) => heard.push(release), tries: () => heard.push('trial') };
const state = (release: string, id: string, port = 1): TargetState => new TargetState(target(port, release, id));
const picked = (balance: Balance, times: number): string => Array.from({ length: times }, () => balance.pick(chooser)?.release).join('');

it('spreads what an ejected release would get by the weights of the others, and tells of each', () => {
  const balance = new Balance({ a: 50, b: 40, c: 10 }, ['a', 'b', 'c'].map((release) => state(release, release)));
  balance.eject('a', performance.now());
  const order = picked(balance, 1_000);
  expect([order.split('b').length - 1, order.split('c').length - 1]).toEqual([800, 200]);
  expect(heard).toEqual(Array.from({ length: 500 }, () => 'a'));
});

it('lets one request try an ejected release while that is undecided', async () => {
  const balance = new Balance({ a: 50, b: 50 }, [state('a', 'a'), state('b', 'b')]);
  balance.eject('a', performance.now());
  await sleep(EJECTED + 20);
  let trial: Ejection | undefined;
  const first: Chooser = { passedOver: () => {}, tries: (ejection) => { trial = ejection; } };
  expect(balance.pick(first)?.release).toBe('a');
  expect(picked(balance, 5)).toBe('bbbbb');
  expect(heard).toEqual(['a', 'a']);
  trial?.end();
  expect(picked(balance, 4)).toBe('abab');
});

it('tries an ejected release when there is no other, or when all are', () => {
  const alone = new Balance({ a: 100, b: 0 }, [state('a', 'a'), state('b', 'b')]);
  alone.eject('a', performance.now());
  expect(picked(alone, 2)).toBe('aa');
  const both = new Balance({ a: 50, b: 50 }, [state('a', 'a'), state('b', 'b')]);
  both.eject('a', performance.now());
  both.eject('b', performance.now());
  expect(picked(both, 4)).toBe('abab');
  expect(new Set(heard)).toEqual(new Set(['trial']));
});

it('goes on over changes of the route, and ends when the release gets an instance that is new or has moved', () => {
  const [a, b] = [state('a', 'a'), state('b', 'b')];
  const first = new Balance({ a: 50, b: 50 }, [a, b]);
  first.eject('a', performance.now());
  const heavier = new Balance({ a: 90, b: 10 }, [a, b], first);
  expect(picked(heavier, 4)).toBe('bbbb');
  expect(picked(new Balance({ a: 50, b: 50 }, [a, state('a', 'a2'), b], heavier), 2)).toBe('ab');
  a.moveTo(target(2, 'a', 'a'));
  expect(picked(new Balance({ a: 50, b: 50 }, [a, b], heavier), 2)).toBe('ab');
});
