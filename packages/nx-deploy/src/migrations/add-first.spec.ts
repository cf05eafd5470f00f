import fc from 'fast-check';
import { parse } from 'jsonc-parser';
import { addFirst } from './add-first.js';

const cases: readonly [string, string, string][] = [
  ['on a line of its own', '{\n  "a": 1\n}\n', '{\n  "version": 1,\n  "a": 1\n}\n'],
  ['behind $schema', '{\n\t"$schema": "x",\n\t"a": 1\n}', '{\n\t"$schema": "x",\n\t"version": 1,\n\t"a": 1\n}'],
  ['behind the comment of $schema', '{\n  "$schema": "x" /* why */, // here\n  "a": 1,\n}', '{\n  "$schema": "x" /* why */, // here\n  "version": 1,\n  "a": 1,\n}'],
  ['before $schema where that is all', '{ "$schema": "x" }', '{ "version": 1, "$schema": "x" }'],
  ['before what comes before $schema', '{\n  "a": 1,\n  "$schema": "x"\n}', '{\n  "version": 1,\n  "a": 1,\n  "$schema": "x"\n}'],
  ['behind the comment of the line', '{ // ours\n  // of a\n  "a": 1\n}', '{ // ours\n  "version": 1,\n  // of a\n  "a": 1\n}'],
  ['within a line', '{"a":1}', '{ "version": 1,"a":1}'],
  ['within the line of $schema', '{ "$schema": "x", "a": 1 }', '{ "$schema": "x", "version": 1, "a": 1 }'],
  ['with the line ends of the file', '{\r\n  "a": 1\r\n}', '{\r\n  "version": 1,\r\n  "a": 1\r\n}'],
  ['behind a byte order mark', '\uFEFF{\n "a": 1\n}', '\uFEFF{\n "version": 1,\n "a": 1\n}'],
  ['below a comment of several lines', '{ /* one\n two */\n  "a": 1\n}', '{ /* one\n two */\n  "version": 1,\n  "a": 1\n}'],
];

it.each(cases)('%s', (_, before, after) => {
  expect(addFirst(before, 'version', 1)).toBe(after);
});

it('adds the property and nothing else, whatever the object and its spaces are', () => {
  const object = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 2 }), { minKeys: 1 }).filter((value) => !Object.hasOwn(value, 'version'));
  fc.assert(fc.property(object, fc.constantFrom(0, 1, 2, '\t'), (value, space) => {
    const text = JSON.stringify(value, null, space);
    const result = addFirst(text, 'version', 1);
    expect(JSON.parse(result)).toEqual({ ...JSON.parse(text) as object, version: 1 });
    expect(parse(result)).toBeDefined();
  }));
});

it('refuses what is no object with properties', () => {
  expect(() => addFirst('{}', 'version', 1)).toThrow(TypeError);
});
