import fc from 'fast-check';
import { DURATION_FORM, formatDuration, parseDuration } from './time.js';

test.each([
  ['500ms', 500], ['60s', 60_000], ['1.5s', 1_500], ['10m', 600_000], ['24h', 86_400_000], ['7d', 604_800_000], ['0s', 0], ['0.4ms', 0],
])('%s is %d ms', (text, ms) => expect(parseDuration(text)).toBe(ms));

test.each(['', 's', '10', '10 s', '-1s', '1e3s', '.5s', '1.s', '1S', '1w', '1s ', '1s\n', '1constructor', `${'9'.repeat(400)}s`, '9007199254740993ms'])('%j is no duration', (text) => {
  expect(parseDuration(text)).toBeUndefined();
});

test.each([
  [0, '0ms'], [340, '340ms'], [999, '999ms'], [999.6, '1.0s'], [1_000, '1.0s'], [1_249, '1.2s'], [59_949, '59.9s'], [59_950, '1m 00s'],
  [60_000, '1m 00s'], [125_000, '2m 05s'], [3_599_499, '59m 59s'], [3_599_500, '1h 00m'], [3_720_000, '1h 02m'], [360_000_000, '100h 00m'],
])('%d ms reads %s', (ms, text) => expect(formatDuration(ms)).toBe(text));

test('a longer time never reads 60 seconds or 60 minutes', () => {
  fc.assert(fc.property(fc.double({ min: 0, max: 1e9, noNaN: true }), (ms) => {
    expect(formatDuration(ms)).toMatch(/^(\d{1,3}ms|[1-5]?\d\.\ds|[1-5]?\dm [0-5]\ds|\d+h [0-5]\dm)$/);
  }));
});

test('what people are told a duration looks like is one', () => {
  const examples = DURATION_FORM.match(/\d\S*\w/g) ?? [];
  expect(examples).toHaveLength(4);
  for (const example of examples) expect(parseDuration(example)).toBeGreaterThan(0);
});
