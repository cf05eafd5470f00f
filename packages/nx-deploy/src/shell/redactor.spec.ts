import { redactor } from './redactor.js';

describe('redactor', () => {
  const key = '-----BEGIN KEY-----\nMIIEvQIBADANBg\r\nkqhkiG9w0BAQEF\n==\n-----END KEY-----\n';
  const { replace, longest } = redactor({ TOKEN: 'abcdef', LONGER: 'abcdefgh', SHORT: 'abc', KEY: key, QUOTED: 'pass"word', $1: 'dollar$&' });

  it('puts names in the place of values, the longest first', () => {
    expect(replace('abcdefgh abcdef abcde abcdefabcdef')).toBe('[LONGER] [TOKEN] abcde [TOKEN][TOKEN]');
    expect(replace('a dollar$& note')).toBe('a [$1] note');
    expect(replace('')).toBe('');
  });

  it('knows each line of a value of several lines, and the value in JSON', () => {
    for (const line of key.split(/\r?\n/).filter((text) => text.length > 5)) expect(replace(`> ${line} <`)).toBe('> [KEY] <');
    expect(replace(JSON.stringify({ key, password: 'pass"word' }))).toBe('{"key":"[KEY]","password":"[QUOTED]"}');
    expect(longest).toBe(JSON.stringify(key).length - 2);
  });

  it('keeps two values of one name apart', () => {
    expect(redactor({ URL: 'first-value' }, { URL: 'second-value' }).replace('first-value second-value')).toBe('[URL] [URL]');
  });

  it('leaves all as it is when nothing is secret', () => {
    expect(redactor({}).replace('text')).toBe('text');
    expect(redactor({}).longest).toBe(0);
  });
});
