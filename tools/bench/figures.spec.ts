import { against, median, medianDifference, medianRatio, ms, span } from './figures.js';

describe('median', () => {
  it.each([[[], Number.NaN], [[3], 3], [[10, 9, 1], 9], [[4, 1, 3, 2], 2.5], [[100, 20, 3], 20]])('of %j is %d', (values, expected) => {
    expect(median(values)).toBe(expected);
  });

  it('leaves the values as they were', () => {
    const values = [3, 1, 2];
    median(values);
    expect(values).toEqual([3, 1, 2]);
  });
});

describe('ratios and differences', () => {
  it('are made within each run, so that a slow run slows both', () => {
    expect(medianRatio([10, 100, 30], [20, 200, 60])).toBe(0.5);
    expect(medianRatio([1, 9, 9], [10, 10, 100])).toBeCloseTo(0.1);
    expect(medianDifference([5, 105, 6], [4, 100, 4])).toBe(2);
  });

  it('leave out what the other has not, and what divides by nothing', () => {
    expect(medianRatio([1, 2, 3], [2, 0])).toBe(0.5);
    expect(medianRatio([1], [])).toBeNaN();
    expect(medianDifference([1, 2], [Number.NaN, 1])).toBe(1);
  });
});

test.each([[0.04, '0.0 ms'], [99.94, '99.9 ms'], [250.4, '250 ms'], [1_499, '1.50 s'], [-3, '-3.0 ms'], [Number.NaN, '-']])('%d ms reads %s', (value, text) => {
  expect(ms(value)).toBe(text);
});

test('a span tells how far the runs lie apart', () => {
  expect(span([250, 150, 200], ms)).toBe('150 ms .. 250 ms');
  expect(span([], ms)).toBe('-');
});

test('an aim is met or missed; what could not be measured is missed', () => {
  expect(against(299, { below: 300 }, ms)).toBe('< 300 ms: met');
  expect(against(300, { below: 300 }, ms)).toBe('< 300 ms: MISSED');
  expect(against(0.35, { atLeast: 0.35 }, String)).toBe('>= 0.35: met');
  expect(against(0.34, { atLeast: 0.35 }, String)).toBe('>= 0.35: MISSED');
  expect(against(Number.NaN, { below: 300 }, ms)).toMatch(/MISSED/);
});
