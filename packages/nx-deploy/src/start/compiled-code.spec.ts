import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '../shell/programs.spec-support.js';
import { dataOf, part, readCompiled, writeCompiled } from './compiled-code.js';

const folder = temporaryFolder('compiled-code');
const source = Buffer.from('let a = 1;');
const data = Buffer.from([0, 10, 255, 13, 10]);

function written(name: string): string {
  const file = join(folder, name);
  writeCompiled(file, { parts: new Map([['one.js', part(source, data)], ['two.js', part(Buffer.from('2'), Buffer.from('zwei'))]]), after: 120 });
  return file;
}

test('what is written is read, each part for itself', () => {
  const file = written('whole');
  const { parts: compiled, after } = readCompiled(file);
  expect(after).toBe(120);
  expect([...compiled.keys()]).toEqual(['one.js', 'two.js']);
  expect(dataOf(compiled.get('one.js'), source)).toEqual(data);
  expect(dataOf(compiled.get('two.js'), Buffer.from('2'))?.toString()).toBe('zwei');
  writeCompiled(file, { parts: new Map(), after: 0 });
  expect([readCompiled(file).parts.size, readdirSync(folder)]).toEqual([0, ['whole']]);
});

test('a part counts for no other source, though it be as long', () => {
  const { parts: compiled } = readCompiled(written('other'));
  expect(dataOf(compiled.get('one.js'), Buffer.from('let a = 2;'))).toBeUndefined();
  expect(dataOf(compiled.get('none.js'), source)).toBeUndefined();
});

test('a damaged part does not count, and the others do', () => {
  const file = written('damaged');
  const content = readFileSync(file);
  const at = content.length - 1;
  content[at] = (content[at] ?? 0) ^ 1;
  writeFileSync(file, content);
  const { parts: compiled } = readCompiled(file);
  expect(dataOf(compiled.get('two.js'), Buffer.from('2'))).toBeUndefined();
  expect(dataOf(compiled.get('one.js'), source)).toEqual(data);
});

test.each([['nothing', ''], ['no line', 'abc'], ['no JSON', 'abc\n'], ['another JSON', '{"a":1}\n'], ['other entries', '{"after":0,"lines":[1,{"name":2},null]}\n']])('a file that holds %s holds nothing', (_, text) => {
  const file = join(folder, 'strange');
  writeFileSync(file, text);
  expect(readCompiled(file)).toEqual({ parts: new Map(), after: 0 });
  expect(readCompiled(join(folder, 'missing')).parts.size).toBe(0);
});

test('a file that was cut off gives what is whole', () => {
  const file = written('cut');
  writeFileSync(file, readFileSync(file).subarray(0, -2));
  const { parts: compiled } = readCompiled(file);
  expect(dataOf(compiled.get('one.js'), source)).toEqual(data);
  expect(dataOf(compiled.get('two.js'), Buffer.from('2'))).toBeUndefined();
});

test('what cannot be put in its place leaves nothing behind', () => {
  const file = join(folder, 'whole');
  const before = readdirSync(folder);
  expect(() => writeCompiled(join(file, 'below'), { parts: new Map(), after: 0 })).toThrow(/ENOTDIR/);
  expect(readdirSync(folder)).toEqual(before);
});
