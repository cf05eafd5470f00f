import fc from 'fast-check';
import { parseSchema } from '../schema.js';
import { extendSchema } from './extend-schema.js';
import type { InferredRule } from './infer-rule.js';

const rules = (...keys: readonly string[]): Map<string, InferredRule> => new Map(keys.map((key) => [key, { definition: { type: 'string' }, required: true }]));
const RULE = '{\n      "type": "string"\n    }';

it.each([
  ['{\n  "properties": {}\n}\n', `{\n  "properties": {\n    "B": ${RULE}\n  },\n  "required": [\n    "B"\n  ]\n}\n`],
  ['{}', '{\n  "properties": {\n    "B": {\n      "type": "string"\n    }\n  },\n  "required": [\n    "B"\n  ]\n}'],
  ['{ "properties": { "A": {} }, "required": [] }', '{ "properties": { "A": {},\n  "B": {\n    "type": "string"\n  }\n}, "required": ["B"] }'],
  ['{\n  "properties": {\n    "A": {}, // first\n  },\n  /* all */ "required": ["A"],\n}', `{\n  "properties": {\n    "A": {}, // first\n    "B": ${RULE}\n  },\n  /* all */ "required": ["A", "B"],\n}`],
  ['{\n  "properties": {\n    "A": {} // a, b\n  },\n  "required": [\n    "A" // must\n  ]\n}', `{\n  "properties": {\n    "A": {}, // a, b\n    "B": ${RULE}\n  },\n  "required": [\n    "A", // must\n    "B"\n  ]\n}`],
  ['{\n  "properties": {\n    "B": { "x-tiers": { "d": { "required": true } } }\n  }\n}', '{\n  "properties": {\n    "B": { "x-tiers": { "d": { "required": true } } }\n  }\n}'],
])('%j becomes %j', (before, after) => {
  const { text } = extendSchema(before, 's.json', rules('B'));
  expect(text).toBe(after);
  expect(parseSchema(text, 's.json').problems).toEqual([]);
  expect(extendSchema(text, 's.json', rules('B')).text).toBe(text);
});

it('adds what is missing to any schema, once, and keeps each line that is there', () => {
  const name = fc.constantFrom('A', 'B', 'C', 'D', 'E');
  const space = fc.constantFrom('', ' ', '\n', '\n  ', ' // x\n', ' /* , */ ', '\r\n\t');
  const schema = fc.tuple(fc.uniqueArray(name), fc.uniqueArray(name), fc.boolean(), fc.boolean(), fc.array(space, { minLength: 8, maxLength: 8 })).map(([keys, required, comma, swapped, [a = '', b = '', c = '', d = '', e = '', f = '', g = '', h = '']]) => {
    const trailing = (list: readonly string[]): string => (comma && list.length > 0 ? ',' : '');
    const properties = `"properties"${a}:${b}{${keys.map((key) => `${c}"${key}"${d}: {${e}"minLength": 1 }`).join(`${f},`)}${trailing(keys)}${g}}`;
    const must = `"required": [${required.map((key) => `${h}"${key}"`).join(',')}${trailing(required)}${a}]`;
    return `{${b}${(swapped ? [must, properties] : [properties, must]).join(`,${c}`)}${d}${comma ? ',' : ''}${e}}`;
  });
  fc.assert(fc.property(schema, fc.uniqueArray(name, { minLength: 1 }), (before, keys) => {
    const was = parseSchema(before, 's.json');
    expect(was.problems).toEqual([]);
    const { text, added } = extendSchema(before, 's.json', rules(...keys));
    const { schema: now, problems } = parseSchema(text, 's.json');
    expect(problems).toEqual([]);
    expect([...now.rules.keys()].sort()).toEqual([...new Set([...was.schema.rules.keys(), ...keys])].sort());
    expect([...now.required.keys()].sort()).toEqual([...new Set([...was.schema.required.keys(), ...added])].sort());
    for (const [key, { definition }] of was.schema.rules) expect(now.rules.get(key)?.definition).toEqual(definition);
    expect(text.match(/\/\/ x|\/\* , \*\//g)).toEqual(before.match(/\/\/ x|\/\* , \*\//g));
    expect(extendSchema(text, 's.json', rules(...keys)).text).toBe(text);
  }), { numRuns: 1000 });
});
