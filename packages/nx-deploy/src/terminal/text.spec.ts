import * as terminal from './index.js';
import { ascii, sanitize, sanitizeLines } from './sanitize.js';
import { painter, rewritesLines, usesColor } from './color.js';
import { table } from './table.js';

describe('sanitize', () => {
  it.each([
    ['plain text ~!', 'plain text ~!'],
    ['\u001b[1;31mred\u001b[0m', 'red'],
    ['\u001b]0;title\u0007text', 'text'],
    ['\u001b[2J\u001b[Hcleared', 'cleared'],
    ['a\tb\nc\rd\u0000\u0008\u007f', 'a b\\nc\\rd\\x00\\x08\\x7f'],
    ['caf\u00e9 \u{1f600} \u202e', 'caf\\u{e9} \\u{1f600} \\u{202e}'],
    ['\u009b31mC1', 'C1'],
    ['', ''],
  ])('makes %j printable', (text, printable) => {
    expect(sanitize(text)).toBe(printable);
  });

  it('leaves nothing that a terminal obeys', () => {
    for (let code = 0; code < 0x300; code += 1) expect(sanitize(`a${String.fromCharCode(code)}b\u001b`)).toMatch(/^[\x20-\x7e]*$/);
  });

  it('keeps to its length and says that it cut', () => {
    expect(sanitize('x'.repeat(10), 10)).toBe('x'.repeat(10));
    expect(sanitize('x'.repeat(11), 10)).toBe('xxxxxxx...');
    expect(sanitize('\u00e9'.repeat(10), 10)).toBe('\\u{e9}\\...');
    expect(sanitize('x'.repeat(10_000_000), 10)).toBe('xxxxxxx...');
    expect(sanitize(`${'\u001b[0m'.repeat(1_000)}end`, 10)).toBe('...');
    expect(sanitize('xyz', 2)).toBe('..');
  });

  it('keeps the last lines of many', () => {
    expect(sanitizeLines('a\r\nb\n\nc\n')).toEqual(['a', 'b', '', 'c']);
    expect(sanitizeLines('1\n2\n3\n4', 2)).toEqual(['(2 lines before this)', '3', '4']);
  });

  it('escapes like JSON', () => {
    expect(ascii('\u001b[31m \u{1f600}')).toBe('\\u001b[31m \\ud83d\\ude00');
  });
});

describe('colour', () => {
  it.each([
    [{ isTTY: true, env: {} }, true],
    [{ isTTY: false, env: {} }, false],
    [{ isTTY: false, env: { FORCE_COLOR: 'true' } }, false],
    [{ isTTY: true, env: { NO_COLOR: '1' } }, false],
    [{ isTTY: true, env: { NO_COLOR: '' } }, true],
    [{ isTTY: true, env: { TERM: 'dumb' } }, false],
    [{ isTTY: true, env: { NO_COLOR: '1' }, color: true }, true],
    [{ isTTY: false, env: {}, color: true }, true],
    [{ isTTY: true, env: { FORCE_COLOR: '1' }, color: false }, false],
  ])('%j: %s', (facts, expected) => {
    expect(usesColor(facts)).toBe(expected);
  });

  it('writes lines over on terminals that can', () => {
    expect([rewritesLines({ isTTY: true, env: { TERM: 'xterm' } }), rewritesLines({ isTTY: true, env: { TERM: 'dumb' } }), rewritesLines({ isTTY: false, env: {} })]).toEqual([true, false, false]);
  });

  it('adds nothing without colour', () => {
    expect(painter(false)('bad', 'text')).toBe('text');
    expect(painter(true)('bad', 'text')).toBe('\u001b[31mtext\u001b[39m');
    expect(painter(true)('bad', '')).toBe('');
  });
});

describe('table', () => {
  it('lines the columns up in ASCII', () => {
    expect(table([{ title: 'name' }, { title: 'ready', align: 'right' }, { title: 'note' }], [['api', '2', ''], ['longer caf\u00e9', '12', 'x\ny'], ['short']])).toEqual([
      'name              ready  note',
      '----------------  -----  ----',
      'api                   2',
      'longer caf\\u{e9}     12  x\\ny',
      'short',
    ]);
  });

  it('cuts a cell that is too long', () => {
    expect(table([{ title: 'a' }], [['x'.repeat(500)]])[2]).toHaveLength(120);
  });

  it('is there with the rest', () => {
    expect(Object.keys(terminal)).toEqual(expect.arrayContaining(['createPrinter', 'renderSummary', 'sanitize', 'table', 'usesColor']));
  });
});
