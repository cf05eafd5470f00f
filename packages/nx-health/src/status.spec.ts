import { LONGEST_MS, parseDuration } from './duration.js';
import { describeError, printable } from './result.js';
import { DEFAULT_STATUS_MAP, parseStatusRanges, statusOf } from './status.js';

describe('statuses', () => {
  it('reads lists and ranges', () => {
    expect(parseStatusRanges('200')).toEqual([200]);
    expect(parseStatusRanges('200-299, 401,302-302')).toEqual([[200, 299], 401, 302]);
  });

  it.each(['', 'ok', '99', '600', '200-', '299-200', '200,', '-200'])('refuses %j', (text) => {
    expect(() => parseStatusRanges(text)).toThrow(RangeError);
  });

  it('lets degraded win', () => {
    expect([199, 200, 206, 299, 300].map((code) => statusOf(code, DEFAULT_STATUS_MAP))).toEqual(['unhealthy', 'healthy', 'degraded', 'healthy', 'unhealthy']);
  });
});

describe('parseDuration', () => {
  it.each([['0ms', 0], ['1500ms', 1_500], ['1.5s', 1_500], ['2m', 120_000], ['1h', 3_600_000]])('reads %s', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  it.each(['', '5', 's', '-1s', '1 s', '1w', '1e3s', '1000h', `${LONGEST_MS + 1}ms`])('refuses %j', (text) => {
    expect(parseDuration(text)).toBeUndefined();
  });
});

describe('reasons', () => {
  it('are one line of printable ASCII', () => {
    expect(printable('a\n\tb \u{1f600}\x1b[0m\x7f', 50)).toBe('a b ??[0m?');
    expect(printable('x'.repeat(20), 10)).toBe('xxxxxxx...');
  });

  it('name the codes of system errors once', () => {
    expect(describeError(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }))).toBe('read ECONNRESET');
    expect(describeError(Object.assign(new Error(''), { code: 'EPIPE' }))).toBe('EPIPE');
    const refused = (address: string): Error => Object.assign(new Error(`connect ECONNREFUSED ${address}`), { code: 'ECONNREFUSED' });
    expect(describeError(new AggregateError([refused('::1:1'), refused('127.0.0.1:1'), refused('::1:1')]))).toBe('connect ECONNREFUSED ::1:1; connect ECONNREFUSED 127.0.0.1:1');
    expect(describeError(new AggregateError([], 'none'))).toBe('none');
  });
});
