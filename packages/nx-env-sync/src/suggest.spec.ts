import { suggest } from './suggest.js';

describe('suggest', () => {
  it.each([
    ['LOGLEVEL', 'LOG_LEVEL'], ['LOG_LEVLE', 'LOG_LEVEL'], ['log_level', 'LOG_LEVEL'], ['API_TOKN', 'API_TOKEN'], ['DB', 'DBS'],
    ['UNRELATED', undefined], ['', undefined], ['X', undefined],
  ])('%s: %s', (word, expected) => {
    expect(suggest(word, ['API_TOKEN', 'LOG_LEVEL', 'DBS'])).toBe(expected);
  });

  it('prefers the nearest', () => {
    expect(suggest('API_KEY', ['API_KEYS_2', 'API_KEYS', 'API_K'])).toBe('API_KEYS');
  });
});
