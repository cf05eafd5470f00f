import { RuleCompiler } from './check-value.js';

const compile = (definition: Record<string, unknown>) => new RuleCompiler().compile({ file: 's.json', line: 1, definition });
const check = (definition: Record<string, unknown>, text: string): string | undefined => {
  const compiled = compile(definition);
  if ('flaw' in compiled) throw new Error(compiled.flaw);
  return compiled.check(text);
};

describe('checks of values', () => {
  it.each([
    [{}, 'anything'], [{ type: 'string' }, ''],
    [{ type: 'integer' }, '-12'], [{ type: 'number' }, '1.5e3'], [{ type: 'boolean' }, 'false'],
    [{ type: ['integer', 'boolean'] }, 'true'], [{ type: ['integer', 'string'] }, 'x'],
    [{ type: 'integer', enum: [1, 2] }, '2'], [{ enum: ['a', 'b'] }, 'b'], [{ const: 'c' }, 'c'],
    [{ pattern: '^a+$' }, 'aaa'], [{ format: 'uri' }, 'postgres://u:p@h:5432/db?x=1'], [{ format: 'email' }, 'a.b+c@example.org'],
    [{ format: 'port' }, '65535'], [{ format: 'duration' }, '1h30m'], [{ format: 'duration' }, '1.5s'],
    [{ 'x-secret': true, description: 'd', title: 't', examples: ['e'], $comment: 'c', deprecated: true }, 'x'],
  ])('%j accepts %j', (definition, text) => {
    expect(check(definition, text)).toBeUndefined();
  });

  it.each([
    [{ type: 'integer' }, '1.0', 'must be a whole number'], [{ type: 'integer' }, '0x10', 'must be a whole number'],
    [{ type: 'integer' }, '', 'must be a whole number'], [{ type: 'integer' }, ' 1', 'must be a whole number'],
    [{ type: 'integer' }, '1'.repeat(16), 'must be a whole number'],
    [{ type: 'number' }, '1e999', 'must be a number'], [{ type: 'number' }, 'NaN', 'must be a number'],
    [{ type: 'boolean' }, 'yes', 'must be true or false'], [{ type: 'boolean' }, 'constructor', 'must be true or false'],
    [{ type: ['integer', 'boolean'] }, 'x', 'must be a whole number, or must be true or false'],
    [{ type: 'integer', minimum: 1, multipleOf: 2 }, '-3', 'must be at least 1, and must be a multiple of 2'],
    [{ type: 'integer', maximum: 1 }, '2', 'must be at most 1'], [{ type: 'integer', exclusiveMinimum: 1 }, '1', 'must be more than 1'],
    [{ type: 'integer', exclusiveMaximum: 1 }, '1', 'must be less than 1'],
    [{ minLength: 1 }, '', 'must not be empty'], [{ minLength: 3 }, 'ab', 'must have at least 3 characters'], [{ maxLength: 1 }, 'ab', 'must have at most 1 characters'],
    [{ enum: ['a', 'b'] }, 'q', 'must be one of a, b'], [{ const: 'c' }, 'q', 'must be c'], [{ pattern: '^\u00e9$' }, 'q', 'must match the pattern ^\\u{e9}$'],
    [{ not: { const: 'q' } }, 'q', 'must have the form that its schema asks for'],
    [{ enum: ['a'], 'x-secret': true }, 'q', 'must have the form that its schema asks for'],
    [{ format: 'uri' }, '/relative', 'must be an absolute URI such as https://host/path'], [{ format: 'uri' }, 'https://a b', 'must be an absolute URI such as https://host/path'],
    [{ format: 'uri' }, 'https://', 'must be an absolute URI such as https://host/path'],
    [{ format: 'email' }, 'a@b@c', 'must be an e-mail address'], [{ format: 'email' }, `${'a'.repeat(60)}@${'b'.repeat(250)}`, 'must be an e-mail address'],
    [{ format: 'port' }, '0', 'must be a port from 1 to 65535'], [{ format: 'port' }, '65536', 'must be a port from 1 to 65535'],
    [{ format: 'duration' }, '5', 'must be a duration such as 500ms, 30s, 5m, 1h or 1h30m'],
  ])('%j refuses %j: %s', (definition, text, hint) => {
    expect(check(definition, text)).toBe(hint);
  });

  it.each([
    [{ type: 'array' }, 'the type must be one of'], [{ type: 5 }, 'the type must be one of'], [{ type: [] }, 'the type must be one of'], [{ type: ['string', 'null'] }, 'the type must be one of'],
    [{ pattern: '(' }, 'not a valid JSON schema'], [{ minLenght: 1 }, 'unknown keyword'], [{ 'x-secrets': true }, 'unknown keyword'],
    [{ 'x-secret': 'yes' }, 'not a valid JSON schema'], [{ format: 'ipv9' }, 'unknown format'], [{ $ref: '#/x' }, 'not a valid JSON schema'],
    [{ enum: [1, 2] }, 'enum holds a value of another type'], [{ type: 'integer', enum: ['1'] }, 'enum holds a value of another type'],
  ])('calls %j flawed', (definition, flaw) => {
    const compiled = compile(definition);
    expect('flaw' in compiled ? compiled.flaw : '').toContain(flaw);
  });
});
