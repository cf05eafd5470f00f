import { parse } from 'dotenv';
import fc from 'fast-check';
import { EnvSyncError } from '../errors.js';
import { parseEnvDocument, type EnvDocument } from './document.js';

const valuesOf = (document: EnvDocument): Record<string, string> => Object.fromEntries(document.entries.filter(({ key }) => key !== '__proto__').map(({ key, value }) => [key, value]));
const edited = (text: string, edit: (document: EnvDocument) => void): string => {
  const document = parseEnvDocument(text);
  edit(document);
  return document.toString();
};
const set = (text: string, key: string, value: string): string => edited(text, (document) => document.set(key, value));

describe('parseEnvDocument', () => {
  it('lists the assignments with their lines', () => {
    expect(parseEnvDocument('\ufeff# head\r\nexport A = 1 # note\r\nB="x\r\ny"\r\n\r\nC: z\r\nA=2').entries).toEqual([
      { key: 'A', value: '1', line: 2, lastLine: 2 },
      { key: 'B', value: 'x\ny', line: 3, lastLine: 4 },
      { key: 'C', value: 'z', line: 6, lastLine: 6 },
      { key: 'A', value: '2', line: 7, lastLine: 7 },
    ]);
    expect(parseEnvDocument('A=1\nA=2').get('A')).toBe('2');
  });

  it.each([
    ['A=1 # note\n', '2', 'A=2 # note\n'],
    ['A="1"\n', '2', 'A="2"\n'],
    ["export A = '1' # it's\n", 'x y', "export A = 'x y' # it's\n"],
    ['A=`1`', '2', 'A=`2`'],
    ['A=', '2', 'A=2'],
    ['A=  # note', '2', 'A=2  # note'],
    ['A: \nB: 1', '2', 'A: 2 \nB: 1'],
    ['A:\n\nB: 1', '2', 'A: 2\n\nB: 1'],
    ['A=1\n', 'all\'"`\n', 'A="all\'"`\\n"\n'],
    ['A=1', '# x', "A='# x'"],
    ['A=1', "it's # x", 'A="it\'s # x"'],
    ['A=1', '\'"', "A=`'\"`"],
    ['A=1\r\nB=2\r\n', 'x\ny', "A='x\r\ny'\r\nB=2\r\n"],
    ['A="1"\n', 'x\ny', 'A="x\\ny"\n'],
    ['A="1\n2"\n', 'x\ny', 'A="x\ny"\n'],
    ['A=1\n', 'x\ry', 'A="x\\ry"\n'],
    ['A=1\n', '\\n', 'A=\\n\n'],
    ['A="1"\n', '\\n', 'A=\\n\n'],
    ['A=1\n', ' x', "A=' x'\n"],
    ['A="1"# note', '\\n', "A='\\n'# note"],
    ['A=1\nA=2\n', '3', 'A=1\nA=3\n'],
    ['A=\n"x"\n', 'y', 'A=\n"y"\n'],
    ['A=1\n', '$(id) ${B}', 'A=$(id) ${B}\n'],
    ["A='1'\n", 'x\\', 'A=x\\\n'],
    ["A='1'\n", 'x #\\', "A='x #\\'\n"],
    ['A=1\n', '1', 'A=1\n'],
  ])('sets A in %j to %j: %j', (before, value, after) => {
    expect(set(before, 'A', value)).toBe(after);
    expect(parse(after)['A']).toBe(value);
  });

  it.each([
    ['', 'x', 'B=x\n'],
    ['\ufeff', 'x', '\ufeffB=x\n'],
    ['A=1', 'x', 'A=1\nB=x\n'],
    ['A=1\r\n', 'x y', "A=1\r\nB='x y'\r\n"],
    ['A=1\rC=2\r', 'x', 'A=1\rC=2\rB=x\r'],
    ['# end', '', '# end\nB=\n'],
  ])('appends B to %j with %j: %j', (before, value, after) => {
    expect(set(before, 'B', value)).toBe(after);
  });

  it.each([
    ['A=1\nB=2\nC=3\n', 'A=1\nC=3\n'],
    ['B=2 # note', ''],
    ['\ufeffB="x\r\ny"\r\nC=1', '\ufeffC=1'],
    ['# of B\n  export B=1\n\nB=2\n', '# of B\n\n'],
    ['A=\nB=1\n"x"\n', 'A=\n#\n"x"\n'],
    ['A=1\n', 'A=1\n'],
  ])('removes B from %j: %j', (before, after) => {
    expect(edited(before, (document) => document.remove('B'))).toBe(after);
  });

  it('renames a key where it stands', () => {
    expect(edited('export OLD="1" # it\nOLD=2\n', (document) => document.rename('OLD', 'NEW'))).toBe('export NEW="1" # it\nNEW=2\n');
    expect(edited('A=1\n', (document) => document.rename('OLD', 'NEW'))).toBe('A=1\n');
    expect(() => edited('A=1\nB=2\n', (document) => document.rename('A', 'B'))).toThrow('A cannot be renamed to B: the file sets B as well');
    expect(() => edited('A=1\n', (document) => document.rename('A', 'B=\n'))).toThrow('is no valid name');
  });

  it.each([
    ['A', 'planted\'"`#\n', 'A: its value cannot be written in an environment file: no way of quoting holds it'],
    ['A', 'planted\0', 'A: its value holds a NUL byte'],
    ['A', 'planted\ud800', 'A: its value is not well-formed text'],
    ['A', 'planted'.repeat(150_000), 'A: its value makes it 1050002 bytes long'],
    ['A B', 'planted', '"A B" is no valid name'],
    ['A\nB=', 'planted', 'is no valid name'],
    ['__proto__', 'planted', 'is no valid name'],
    ['', 'planted', '"" is no valid name'],
    ['$(id)', 'planted', '"$(id)" is no valid name'],
    ['C', '\'"`#', 'C: its value cannot be written'],
  ])('refuses %j with %.20j and changes nothing', (key, value, message) => {
    const document = parseEnvDocument('A=1\nB="open');
    const failure = ((): unknown => {
      try {
        document.set(key, value);
      } catch (error) {
        return error;
      }
      return undefined;
    })();
    expect(failure).toBeInstanceOf(EnvSyncError);
    expect(String(failure)).toContain(message);
    expect(String(failure)).not.toContain('planted');
    expect(document.toString()).toBe('A=1\nB="open');
  });

  it('says which line must be edited by hand', () => {
    // Without B the quote that A opens would find its end.
    const document = parseEnvDocument('A="x\nB=1" y\n"\n');
    expect(valuesOf(document)).toEqual(parse('A="x\nB=1" y\n"\n'));
    expect(() => document.remove('B')).toThrow(/^B: its line cannot be changed without changing what the lines around it mean$/);
  });

  it.each([['empty lines', '\n', ''], ['spaces', ' ', ''], ['one long name', 'A', ''], ['open quotes', 'A="x\nB=\'y\n', ''], ['a long value', 'x', 'A="'], ['lines', 'KEY_0=value\n', '']])('reads 1 MB of %s in time', (_, part, head) => {
    const text = head + part.repeat(Math.ceil(2 ** 20 / part.length));
    const started = process.cpuUsage();
    parseEnvDocument(text);
    expect(process.cpuUsage(started).user / 1_000).toBeLessThan(2_000);
  });

  it('refuses a quoted value that the pattern of dotenv cannot read', () => {
    expect(() => parseEnvDocument(`A="${'x'.repeat(2 ** 24)}"`)).toThrow('holds a quoted value that is too long to be read');
  });
});

describe('the editor against dotenv', () => {
  const piece = fc.constantFrom('A', 'B', '=', ':', ' ', '\n', '\r\n', '\r', '"', "'", '`', '\\', '\\n', '\\r', '#', 'x', '$', '${A}', '\t', 'export ', '\u00e9', '\u2028', '.', '-', "\\'", '\\"', '=\n');
  const head = fc.constantFrom('A=', 'B = ', 'export C=', 'D: ', '# ', '', 'E="', "F='", 'G=`', '\ufeff', 'H:', ' I =', 'A.B=', '__proto__=');
  const row = fc.tuple(head, fc.array(piece, { maxLength: 8 })).map(([begin, tail]) => begin + tail.join(''));
  const file = fc.tuple(fc.array(row, { maxLength: 6 }), fc.constantFrom('\n', '\r\n', '\r')).map(([rows, end]) => rows.join(end));
  const value = fc.oneof(fc.array(piece, { maxLength: 6 }).map((pieces) => pieces.join('')), fc.string({ maxLength: 8, unit: 'binary' }));
  const runs = 100_000;

  it(`reads ${runs} files as dotenv does, and changes only the line that is meant`, () => {
    let [edits, refusals] = [0, 0];
    fc.assert(fc.property(file, value, fc.nat(9), (text, wanted, pick) => {
      const document = parseEnvDocument(text);
      const before = parse(text);
      if (!same(valuesOf(document), before) || document.toString() !== text) throw new Error('is not read the same');
      const { entries } = document;
      const entry = entries[pick % (entries.length + 1)];
      const key = entry?.key ?? 'NEW';
      if (key === '__proto__') return;
      try {
        document.set(key, wanted);
        edits += 1;
      } catch (error) {
        if (!(error instanceof EnvSyncError) || document.toString() !== text) throw error;
        refusals += 1;
        return;
      }
      const after = document.toString();
      if (!same(parse(after), { ...before, [key]: wanted })) throw new Error('another value was changed, or the value is not read back');
      const last = entries.findLast((each) => each.key === key);
      const [kept, made] = [linesOf(text), linesOf(after)];
      if (last === undefined && !after.startsWith(text)) throw new Error('a new key changed what there was');
      const above = last === undefined ? 0 : last.line - 1;
      if (!same(kept.slice(0, above), made.slice(0, above))) throw new Error('a line above was changed');
      const below = last === undefined ? 0 : kept.length - last.lastLine;
      if (!same(kept.slice(kept.length - below), made.slice(made.length - below))) throw new Error('a line below was changed');
    }), { numRuns: runs });
    expect(edits).toBeGreaterThan(runs / 2);
    expect(refusals).toBeLessThan(runs / 4);
  });

  it('removes and renames without touching another value', () => {
    fc.assert(fc.property(file, fc.nat(9), (text, pick) => {
      const document = parseEnvDocument(text);
      const key = document.entries[pick % Math.max(1, document.entries.length)]?.key ?? 'NONE';
      if (key === '__proto__') return;
      const { [key]: value, ...others } = parse(text);
      try {
        if (pick % 2 === 0) document.remove(key);
        else document.rename(key, 'RENAMED');
      } catch (error) {
        if (!(error instanceof EnvSyncError)) throw error;
        return;
      }
      const expected = pick % 2 === 0 || value === undefined ? others : { ...others, RENAMED: value };
      expect(parse(document.toString())).toEqual(expected);
    }), { numRuns: 5_000 });
  });

  const same = (a: object, b: object): boolean => JSON.stringify(Object.entries(a).sort()) === JSON.stringify(Object.entries(b).sort());
  /** With their ends, so that a changed line end shows. */
  const linesOf = (text: string): string[] => text.match(/[^\r\n]*(?:\r\n|\r|\n|$)/g) ?? [];
});
