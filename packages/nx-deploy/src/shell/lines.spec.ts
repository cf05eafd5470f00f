import fc from 'fast-check';
import { CUT, lineSplitter, type LineOptions } from './lines.js';

function split(chunks: readonly (string | Buffer)[], options: Partial<LineOptions> = {}): string[] {
  const lines: string[] = [];
  const splitter = lineSplitter({ limit: 10, long: 'pieces', ...options }, (line) => lines.push(line));
  for (const chunk of chunks) splitter.push(Buffer.from(chunk));
  splitter.end();
  return lines;
}

const cut = (text: string): string => (text.length > 10 ? `${text.slice(0, 10)}${CUT}` : text);

describe('lineSplitter', () => {
  it('joins what chunks part', () => {
    expect(split(['a', 'b\nc', '\n', '\nd'])).toEqual(['ab', 'c', '', 'd']);
    expect(split(['a\r', '\nb\rc\r\n'])).toEqual(['a', 'b\rc']);
    expect(split([])).toEqual([]);
  });

  it('joins characters, and keeps what is no UTF-8 in sight', () => {
    const text = Buffer.from('\u20ac\u{1f600}\n');
    expect(split([...text].map((byte) => Buffer.from([byte])))).toEqual(['\u20ac\u{1f600}']);
    expect(split([Buffer.from([0xff, 0x41, 0x0a, 0xe2, 0x82])])).toEqual(['\ufffdA', '\ufffd']);
    expect(split(['\ufeffa'])).toEqual(['\ufeffa']);
  });

  it('parts or cuts a long line alike, however it arrives', () => {
    fc.assert(fc.property(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 1, max: 70 }), fc.boolean(), (length, step, ended) => {
      const line = Array.from({ length }, (_, index) => String.fromCharCode(97 + (index % 26))).join('');
      const text = ended ? `${line}\nnext\n` : line;
      const chunks = Array.from({ length: Math.ceil(text.length / step) }, (_, index) => text.slice(index * step, (index + 1) * step));
      const last = ended ? ['next'] : [];
      expect(split(chunks, { long: 'cut' })).toEqual([...(length === 0 && !ended ? [] : [cut(line)]), ...last]);
      const pieces = split(chunks);
      expect(pieces.slice(0, pieces.length - last.length).join('')).toBe(line);
      expect(pieces.every((piece) => piece.length <= 10)).toBe(true);
    }), { numRuns: 500 });
  });

  it('replaces a text wherever it lies and however it arrives', () => {
    const replace = (text: string): string => text.replaceAll('SECRET', '*');
    fc.assert(fc.property(fc.nat(40), fc.nat(8), fc.nat(40), fc.integer({ min: 1, max: 50 }), fc.boolean(), fc.constantFrom('pieces' as const, 'cut' as const), (before, times, after, step, ended, long) => {
      const text = `${'a'.repeat(before)}${'SECRET'.repeat(times)}${'b'.repeat(after)}${ended ? '\n' : ''}`;
      const chunks = Array.from({ length: Math.ceil(text.length / step) }, (_, index) => text.slice(index * step, (index + 1) * step));
      const joined = split(chunks, { replace, longest: 6, long }).join('');
      const expected = `${'a'.repeat(before)}${'*'.repeat(times)}${'b'.repeat(after)}`;
      expect(joined).toBe(long === 'pieces' ? expected : cut(expected));
    }), { numRuns: 500 });
  });
});
