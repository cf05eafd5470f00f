import fc from 'fast-check';
import { Balance, type Chooser } from './balance.js';
import { TargetState } from './in-flight.js';
import { target } from './router.spec-support.js';

const state = (release: string, id: string): TargetState => new TargetState(target(1, release, id));
const deaf: Chooser = { passedOver: () => {}, tries: () => {} };
const work = () => ({ cut: () => {} });

function tally(balance: Balance, times: number): Record<string, number> {
  const counts: Record<string, number> = {};
  for (let index = 0; index < times; index += 1) {
    const { release } = balance.pick(deaf)!;
    counts[release] = (counts[release] ?? 0) + 1;
  }
  return counts;
}

it('has the sequence of nginx for 5, 1, 1', () => {
  const balance = new Balance({ a: 5, b: 1, c: 1 }, [state('a', '1'), state('b', '2'), state('c', '3')]);
  expect(Array.from({ length: 14 }, () => balance.pick(deaf)?.release).join('')).toBe('aabacaaaabacaa');
});

it('gives every release its share within 1 of 1000, for any weights', () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 99 }), fc.integer({ min: 0, max: 999 }), (percent, before) => {
    const balance = new Balance({ a: percent, b: 100 - percent }, [state('a', '1'), state('b', '2')]);
    for (let index = 0; index < before; index += 1) balance.pick(deaf);
    expect(Math.abs((tally(balance, 1_000).a ?? 0) - percent * 10)).toBeLessThanOrEqual(1);
  }), { numRuns: 50 });
});

it('leaves out weights of 0, below or no number, and releases without targets', () => {
  const balance = new Balance({ a: 0, b: -5, c: NaN, d: 30, e: 70, f: Infinity }, ['a', 'b', 'c', 'd', 'f'].map((release) => state(release, release)));
  expect(tally(balance, 10)).toEqual({ d: 10 });
  expect(new Balance({ a: 100 }, []).pick(deaf)).toBeUndefined();
});

it('goes on with the round when only the targets change, and begins anew with other weights', () => {
  const [a, b, c] = [state('a', '1'), state('b', '2'), state('b', '3')];
  let balance = new Balance({ a: 90, b: 10 }, [a, b]);
  const counts: Record<string, number> = { a: 0, b: 0 };
  for (let index = 0; index < 1_000; index += 1) {
    balance = new Balance({ a: 90, b: 10 }, index % 2 === 0 ? [a, b] : [a, b, c], balance);
    counts[balance.pick(deaf)!.release]! += 1;
  }
  expect(counts).toEqual({ a: 900, b: 100 });
  balance.pick(deaf);
  const other = new Balance({ a: 50, b: 50 }, [a, b], balance);
  expect([other.pick(deaf)?.release, other.pick(deaf)?.release]).toEqual(['a', 'b']);
});

it('chooses the target with the least in flight, equals in turn', () => {
  const targets = ['1', '2', '3'].map((id) => state('a', id));
  const balance = new Balance({ a: 100 }, targets);
  expect(Array.from({ length: 6 }, () => balance.pick(deaf)?.id)).toEqual(['1', '2', '3', '1', '2', '3']);
  targets[0]?.claim(work());
  expect(Array.from({ length: 4 }, () => balance.pick(deaf)?.id)).toEqual(['2', '3', '2', '3']);
  targets[1]?.claim(work());
  targets[2]?.claim(work());
  targets[2]?.claim(work());
  expect([balance.pick(deaf)?.id, balance.pick(deaf)?.id]).toEqual(['1', '2']);
});

it('passes over a target that refused, unless there is no other', () => {
  const [one, two] = [state('a', '1'), state('a', '2')];
  const balance = new Balance({ a: 100 }, [one, two]);
  one.refused();
  expect([balance.pick(deaf)?.id, balance.pick(deaf)?.id]).toEqual(['2', '2']);
  two.refused();
  expect([balance.pick(deaf)?.id, balance.pick(deaf)?.id].sort()).toEqual(['1', '2']);
});

it('offers the rest of the release, then the others by weight, then nothing', () => {
  const [a1, a2, b, c] = [state('a', 'a1'), state('a', 'a2'), state('b', 'b'), state('c', 'c')];
  const balance = new Balance({ b: 10, a: 20, c: 70 }, [a1, a2, b, c]);
  const tried = new Set([a1]);
  for (const expected of [a2, c, b]) {
    expect(balance.instead('a', tried, deaf)).toBe(expected);
    tried.add(expected);
  }
  expect(balance.instead('a', tried, deaf)).toBeUndefined();
});
