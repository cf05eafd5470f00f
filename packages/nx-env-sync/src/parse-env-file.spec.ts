import { parse } from 'dotenv';
import fc from 'fast-check';
import { isVariableName, parseEnvFile } from './parse-env-file.js';
import { formatProblem } from './problem.js';

const read = (text: string): { values: Record<string, string>; lines: Record<string, number>; problems: string[] } => {
  const { values, problems } = parseEnvFile(text, 'e.env');
  return {
    values: Object.fromEntries([...values].map(([key, { value }]) => [key, value])),
    lines: Object.fromEntries([...values].map(([key, { line }]) => [key, line])),
    problems: problems.map(formatProblem),
  };
};

describe('parseEnvFile', () => {
  it('reads assignments, comments and quotes, with line numbers', () => {
    const text = ['# head', '', 'A=1', 'export B = two words  # note', "C='it # stays'", 'D: yaml', 'E=', 'F="x\\ny"', "G='x\\ny'"].join('\n');
    expect(read(text)).toEqual({
      values: { A: '1', B: 'two words', C: 'it # stays', D: 'yaml', E: '', F: 'x\ny', G: 'x\\ny' },
      lines: { A: 3, B: 4, C: 5, D: 6, E: 7, F: 8, G: 9 },
      problems: [],
    });
  });

  it('keeps counting lines across values of several lines', () => {
    expect(read('A="1\n2\n\n3"\nB=`x\ny` # end\nC=3')).toEqual({ values: { A: '1\n2\n\n3', B: 'x\ny', C: '3' }, lines: { A: 1, B: 5, C: 7 }, problems: [] });
  });

  it('accepts a byte order mark, CRLF and lone CR', () => {
    expect(read('\ufeffA=1\r\nB="x\r\ny"\rC=3\r\n')).toEqual({ values: { A: '1', B: 'x\ny', C: '3' }, lines: { A: 1, B: 2, C: 4 }, problems: [] });
  });

  it('expands and runs nothing', () => {
    const text = 'A=$(touch /tmp/never)\nB=${A}\nC="`id` $HOME"\nD=%PATH%;rm -rf';
    expect(read(text).values).toEqual({ A: '$(touch /tmp/never)', B: '${A}', C: '`id` $HOME', D: '%PATH%;rm -rf' });
  });

  it('has nothing to say about an empty file', () => {
    expect(read('')).toEqual({ values: {}, lines: {}, problems: [] });
    expect(read('\n \n\t\n# only\n').problems).toEqual([]);
  });

  it.each([
    ['hello', 'e.env:1: is no assignment'],
    ['=x', 'e.env:1: is no assignment'],
    ['A:1', 'e.env:1: is no assignment'],
    ['A=1\nA=2', 'e.env:2 A: is set twice, first in line 1'],
    ['1A=x', 'e.env:1: the name left of the = is not valid'],
    ['A-B=x', 'e.env:1: the name left of the = is not valid'],
    ['__proto__=x', 'e.env:1: the name left of the = is not valid'],
    ['A="x', 'e.env:1 A: the quoted value does not end'],
    ['A="x" y', 'e.env:1 A: the quoted value does not end, or text follows'],
    ['A=x\0y', 'e.env:1 A: holds a NUL byte'],
    ['A=p#ss', 'e.env:1 A: an unquoted # begins a comment'],
    ['A=#fff', 'e.env:1 A: an unquoted # begins a comment'],
    [`A=${'x'.repeat(128 * 1024)}`, 'e.env:1 A: is 131074 bytes long'],
  ])('reports %j', (text, problem) => {
    const { problems } = read(text.length > 1000 ? text : `${text}\n`);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(problem);
  });

  it('lets the last of two settings count, as dotenv does', () => {
    expect(read('A=1\nA=2').values).toEqual({ A: '2' });
  });

  it('goes on after a broken line, and gives no value for it', () => {
    const { values, problems } = read('A="open\nnonsense\nB=2\nC=\0\nD=4');
    expect(values).toEqual({ B: '2', D: '4' });
    expect(problems).toHaveLength(3);
  });

  it('never repeats a line or a value in a problem', () => {
    const key = 'MIIEowIBAAKCAQEA';
    const text = [`-----BEGIN ${key}`, `${key}/${key}==`, `A="${key}`, `B=${key}#x`, `C=${key}\0`, `D=${key}`, `D=${key}`, `E='${key}' x`].join('\n');
    const { problems } = read(text);
    expect(problems.length).toBeGreaterThanOrEqual(7);
    expect(problems.join('\n')).not.toContain(key);
  });

  it('agrees with dotenv on every text that it finds nothing wrong with', () => {
    const piece = fc.constantFrom('A', 'B', '=', ':', ' ', '\n', '\r\n', '"', "'", '`', '\\', '\\n', '#', 'x', '$', '\t', 'export ', '\u00e9');
    const row = fc.tuple(fc.constantFrom('A=', 'B = ', 'export C=', 'D: ', '# ', ''), fc.array(piece, { maxLength: 8 })).map(([head, tail]) => head + tail.join(''));
    let clean = 0;
    fc.assert(fc.property(fc.array(row, { maxLength: 5 }), (rows) => {
      const text = rows.join('\n');
      const { values, problems } = read(text);
      if (problems.length > 0) return;
      clean += 1;
      expect(values).toEqual(parse(text));
    }), { numRuns: 3000 });
    expect(clean).toBeGreaterThan(200);
  });

  it.each([['short lines', 'KEY_0123456789=value\n'], ['empty lines', '\n'], ['open quotes', 'A="x\nB=\'y\n'], ['one long quote', '\\"x'], ['spaces', ' ']])('reads 5 MB of %s in time', (_, part) => {
    const text = (part === '\\"x' ? 'A="' : '') + part.repeat(Math.ceil(5e6 / part.length));
    const started = process.cpuUsage();
    parseEnvFile(text, 'e.env');
    // Of the processor: what else the machine does is no matter.
    const { user, system } = process.cpuUsage(started);
    expect((user + system) / 1_000).toBeLessThan(20_000);
  });
});

describe('isVariableName', () => {
  it.each([['A', true], ['_a1', true], ['constructor', true], ['', false], ['1', false], ['A B', false], ['__proto__', false], ['A\n', false], ['\u00c4', false]])('%j: %s', (name, valid) => {
    expect(isVariableName(name)).toBe(valid);
  });
});
