import fc from 'fast-check';
import { parse } from 'jsonc-parser';
import { addProperty } from './add-property.js';

const cases: readonly [string, string, string][] = [
  ['behind a comment that ends with its line', '{ "e": { "a": 1 // the one\n  } }', '{ "e": { "a": 1, // the one\n    "q": { "b": 2 }\n  } }'],
  ['behind such a comment, with a comma before it', '{ "e": { "a": 1, // the one, {\r\n} }', '{ "e": { "a": 1, // the one, {\r\n  "q": { "b": 2 },\r\n} }'],
  ['behind a comment that ends before', '{ "e": { "a": 1 /* // } */ } }', '{ "e": { "a": 1, /* // } */ "q": { "b": 2 } } }'],
  ['on a line of its own', '{\n\t"e": {\n\t\t"a": 1 // the one\n\t}\n}', '{\n\t"e": {\n\t\t"a": 1, // the one\n\t\t"q": {\n\t\t\t"b": 2\n\t\t}\n\t}\n}'],
];

it.each(cases)('%s', (_, before, after) => {
  expect(addProperty(before, ['e'], 'q', { b: 2 })).toBe(after);
});

it('adds the property and nothing else, whatever spaces and comments there are', () => {
  const space = fc.array(fc.constantFrom(' ', '\n', '\r\n', '\t', '/* , } */', '/* a\nb */', '// x, }\n', '// "q": {\r\n'), { maxLength: 4 }).map((parts) => parts.join(''));
  const text = fc.tuple(space, space, space, space, space, fc.boolean()).map(([a, b, c, d, e, comma]) => `${a}{${b}"e": {${c}"a": "}//"${d}${comma ? ',' : ''}${e}}${a}}${b}`);
  fc.assert(fc.property(text, (before) => {
    const after = addProperty(before, ['e'], 'q', { b: 2 });
    expect(parse(after, [], { allowTrailingComma: true })).toEqual({ e: { a: '}//', q: { b: 2 } } });
    expect(after.replace(/"q":\s*\{\s*"b":\s*2\s*\}/, '').replace(/[\s,]/g, '')).toBe(before.replace(/[\s,]/g, ''));
  }), { numRuns: 500 });
});
