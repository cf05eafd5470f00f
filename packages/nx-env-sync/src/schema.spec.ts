import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatProblem } from './problem.js';
import { isSecret, mergeSchemas, parseSchema } from './schema.js';
import { TRAITS } from './traits.js';

const problems = (text: string): string[] => parseSchema(text, 's.json').problems.map(formatProblem);
const schemaOf = (content: object) => parseSchema(JSON.stringify(content), 's.json').schema;

describe('parseSchema', () => {
  it('reads comments, a byte order mark and trailing commas, with the line of each key', () => {
    const text = '\ufeff// head\n{\n  "$schema": "x", "title": "t", "type": "object",\n  "properties": {\n    "A": { "type": "integer" }, /* b */\n    "B": {},\n  },\n  "required": ["A",\n "C"],\n "additionalProperties": true\n}';
    const { schema, problems: found } = parseSchema(text, 's.json');
    expect(found).toEqual([]);
    expect([...schema.rules].map(([key, { line }]) => [key, line])).toEqual([['A', 5], ['B', 6]]);
    expect([...schema.required].map(([key, { line }]) => [key, line])).toEqual([['A', 8], ['C', 9]]);
    expect(schema.additional).toBe(true);
  });

  it.each([
    ['', 's.json:1: is not valid JSON: ValueExpected'], ['{', 's.json:1: is not valid JSON: CloseBraceExpected'], ['{\n"a" 1}', 's.json:2: is not valid JSON: ColonExpected'],
    ['[]', 's.json:1: must hold a JSON object'], ['null', 's.json:1: must hold a JSON object'],
    ['{"type":"array"}', 's.json:1: type must be "object"'], ['{"properties":[]}', 's.json:1: properties must be an object'],
    ['{"required":"A"}', 's.json:1: required must be a list of names'], ['{"required":[1]}', 's.json:1: required must be a list of valid names'], ['{"required":["a-b"]}', 's.json:1: required must be a list of valid names'],
    ['{"additionalProperties":{}}', 's.json:1: additionalProperties must be true or false'],
    ['{"propertys":{}}', 's.json:1: the keyword propertys is not supported here; did you mean properties?'], ['{"allOf":[]}', 's.json:1: the keyword allOf is not supported here'],
    ['{"properties":{"A":1}}', 's.json:1 A: must be described by an object'], ['{"properties":{"a b":{}}}', 's.json:1 a b: is no valid name'], ['{"properties":{"__proto__":{}}}', 's.json:1 __proto__: is no valid name'],
    ['{"properties":{"A":{},\n"A":{}}}', 's.json:2 A: stands twice in the schema'],
  ])('reports %j', (text, expected) => {
    const found = problems(text);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(expected);
  });

  it('survives a text that is nested too deeply', () => {
    expect(problems('['.repeat(500_000))).toEqual(['s.json:1: is nested too deeply']);
  });
});

describe('mergeSchemas', () => {
  const workspace = schemaOf({ properties: { A: { type: 'integer' }, B: { 'x-secret': true }, C: { 'x-secret': true } }, required: ['A', 'B', 'D'], additionalProperties: true });

  it('lets the project win per key, also on whether it is required', () => {
    const merged = mergeSchemas(workspace, schemaOf({ properties: { A: { type: 'string' }, E: {} }, required: ['E'] }));
    expect(merged.rules.get('A')?.definition).toEqual({ type: 'string' });
    expect([...merged.rules.keys()]).toEqual(['A', 'B', 'C', 'E']);
    expect([...merged.required.keys()]).toEqual(['B', 'D', 'E']);
    expect(merged.additional).toBe(true);
  });

  it('keeps a secret secret unless the project says otherwise', () => {
    const merged = mergeSchemas(workspace, schemaOf({ properties: { B: { minLength: 1 }, C: { 'x-secret': false } }, additionalProperties: false }));
    const secrets = [...merged.rules].filter(([, rule]) => isSecret(rule)).map(([key]) => key);
    expect(secrets).toEqual(['B']);
    expect(merged.additional).toBe(false);
  });

  it('takes a slip in x-secret for a secret', () => {
    const { rules } = schemaOf({ properties: { A: { 'x-secret': 'true' }, B: {} } });
    expect([...rules.values()].map(isSecret)).toEqual([true, false]);
  });
});

describe('the page about schemas', () => {
  const page = readFileSync(join(__dirname, '../../../docs/env-sync/schema.md'), 'utf8');

  it('shows one that is valid, and names every keyword of ours', () => {
    const [, example = ''] = /```jsonc\n([\s\S]*?)```/.exec(page) ?? [];
    const { schema, problems: found } = parseSchema(example, 's.json');
    expect([found, schema.rules.size, schema.expand]).toEqual([[], 5, true]);
    for (const keyword of ['x-secret', 'x-expand', 'x-protected', ...TRAITS]) expect(page).toContain(`| \`${keyword}\` |`);
  });

  it('shows single environments as they are read', () => {
    const [, example = ''] = /```json\n([\s\S]*?)```/.exec(page) ?? [];
    expect(problems(`{"properties":${example}}`)).toEqual([]);
  });
});
