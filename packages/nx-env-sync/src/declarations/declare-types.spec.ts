import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import typesExecutor, { type TypesOptions } from '../executors/types/types.js';
import { testProject } from '../executors/project.spec-support.js';
import { parseSchema } from '../schema.js';
import { declareTypes } from './declare-types.js';

const place = testProject();
const run = async (options: TypesOptions = {}): Promise<boolean> => place.run(typesExecutor, options);
const declared = (schema: object): string => declareTypes(parseSchema(JSON.stringify(schema), 's.json').schema);
const member = (definition: object, more: object = {}): string => /^ {4}(A.*)$/m.exec(declared({ properties: { A: definition }, ...more }))?.[1] ?? '';

/** Codes of what the compiler says about the files, strictly, by the line of `main.ts`. */
function compiled(...files: readonly string[]): string[] {
  const program = ts.createProgram(files.map((file) => join(place.root, file)), { strict: true, noEmit: true, types: ['node'], typeRoots: [join(process.cwd(), 'node_modules/@types')], skipLibCheck: true, lib: ['lib.es2022.d.ts'], target: ts.ScriptTarget.ES2022 });
  return ts.getPreEmitDiagnostics(program).map(({ file, start = 0, code, messageText }) =>
    (file === undefined ? `${code} ${ts.flattenDiagnosticMessageText(messageText, ' ')}` : `${file.fileName.split('/').at(-1) ?? ''}:${file.getLineAndCharacterOfPosition(start).line + 1} ${code}`));
}

describe('the types of a key', () => {
  it.each([
    [{}, 'A?: string;'], [{ type: 'integer' }, 'A?: `${number}`;'], [{ type: 'boolean' }, "A?: 'false' | 'true';"], [{ type: ['integer', 'boolean'] }, "A?: `${number}` | 'false' | 'true';"], [{ type: ['integer', 'string'] }, 'A?: string;'],
    [{ enum: ['a', "it's", '\u00e9\n\\'] }, "A?: 'a' | 'it\\'s' | '\\u00e9\\u000a\\\\';"], [{ type: 'integer', enum: [1, 2] }, "A?: '1' | '2';"], [{ const: 'x' }, "A?: 'x';"], [{ default: 'x' }, 'A: string;'],
    [{ 'x-secret': true, enum: ['hidden'] }, 'A?: string;'], [{ 'x-tiers': { production: { required: true } } }, 'A?: string;'], [{ enum: ['a'], 'x-tiers': { dev: { enum: ['b'] } } }, "A?: 'a' | 'b';"],
  ])('%j: %s', (definition, type) => {
    expect(member(definition)).toBe(type);
  });

  it('is there for sure where it is required or has a default in every environment', () => {
    expect(member({}, { required: ['A'] })).toBe('A: string;');
    expect(member({ 'x-tiers': { dev: { required: false } } }, { required: ['A'] })).toBe('A?: string;');
    expect(member({ 'x-tiers': { dev: { required: false, default: 'x' } } }, { required: ['A'] })).toBe('A: string;');
    expect(declared({ required: ['B'] })).toContain('    B: string;\n');
  });

  it('has a comment that the schema cannot end, without what a secret may be', () => {
    const text = declared({ properties: { A: { description: 'ends */ here\nand \u00e9', default: 5, 'x-deprecated': 'use B' }, S: { description: 'secret', 'x-secret': true, default: 'hidden' }, D: { 'x-deprecated': true } } });
    expect(text).toContain('    /**\n     * ends *\\/ here and \\u{e9}\n     * Default: 5\n     * @deprecated use B\n     */\n');
    expect(text).toContain('    /** secret */\n    S: string;\n');
    expect(text).toContain('    /** @deprecated */\n    D?: string;\n');
    expect(text).not.toContain('hidden');
    expect(text).toMatch(/^[\n\x20-\x7e]+$/);
  });
});

describe('executor types', () => {
  const schema = { properties: { LEVEL: { enum: ['debug', 'info'] }, RETRIES: { type: 'integer', default: 3 }, NAME: { description: 'ends */ here' }, ON: { type: 'boolean' } }, required: ['NAME'] };

  it('writes what the compiler takes, and what it then knows', async () => {
    place.write({ 'environments/env.schema.json': { properties: { SHARED: {} }, required: ['SHARED'] }, 'apps/api/environments/env.schema.json': schema, 'apps/api/src/main.ts': [
      'const name: string = process.env.NAME + process.env.SHARED;', 'const level: string = process.env.LEVEL;', "if (process.env.LEVEL === 'verbose') name.trim();", 'const retries = Number(process.env.RETRIES.trim()) + Number(level);',
      "process.env.ON = 'yes';", "export const all = [retries, process.env.ANY?.trim(), process.env.ON === 'true'];", '',
    ].join('\n') });
    expect(await run()).toBe(true);
    expect(place.printed()).toBe('wrote apps/api/src/env.d.ts: 5 keys\n');
    expect(compiled('apps/api/src/env.d.ts', 'apps/api/src/main.ts')).toEqual(['main.ts:2 2322', 'main.ts:3 2367', 'main.ts:5 2322']);
  });

  it('changes nothing when it runs again, takes other line ends for the same, and follows the schema', async () => {
    place.write({ 'apps/api/environments/env.schema.json': schema });
    expect(await run({ check: true })).toBe(false);
    expect(place.printed()).toBe('error: apps/api/env.d.ts: is missing\n  next: run the same without --check, or nx sync\n');
    expect(place.exists('apps/api/env.d.ts')).toBe(false);
    expect(await run()).toBe(true);
    const text = place.read('apps/api/env.d.ts');
    place.write({ 'apps/api/env.d.ts': text.replaceAll('\n', '\r\n') });
    place.printed();
    expect([await run({ check: true }), await run(), await run({ json: true })]).toEqual([true, true, true]);
    expect(place.printed()).toBe(`${'apps/api/env.d.ts: up to date, 4 keys\n'.repeat(2)}{"success":true,"file":"apps/api/env.d.ts","state":"current"}\n`);
    place.write({ 'apps/api/environments/env.schema.json': { properties: { NEW: {} } } });
    expect(await run({ check: true, json: true })).toBe(false);
    expect(place.printed()).toBe('{"success":false,"file":"apps/api/env.d.ts","state":"outdated"}\n');
    expect(place.read('apps/api/env.d.ts')).toContain('\r\n');
    expect(await run()).toBe(true);
    expect(place.read('apps/api/env.d.ts')).toBe(declared({ properties: { NEW: {} } }));
  });

  it.each([
    [{ 'src/x.d.ts': '// mine\n' }, { outputFile: 'src/x.d.ts' }, 'error: the file was not made by nx-env-sync, so it is not overwritten\n  where: src/x.d.ts\n'],
    [{ 'src/x.d.ts': new Uint8Array([0xff]) }, { outputFile: 'src/x.d.ts' }, 'error: the file is not UTF-8 text; save it as UTF-8\n  where: src/x.d.ts\n'],
    [{}, { outputFile: '../x.d.ts' }, 'error: outputFile must be a file in the workspace\n'],
    [{ 'environments/env.schema.json': '{"properties":{"A":1}}' }, {}, 'error: the schema is not valid\n  - environments/env.schema.json:1 A: must be described by an object\n'],
    [{ 'apps/api/environments/env.schema.json': new Uint8Array([0xff]) }, {}, 'error: the schema is not valid\n'],
  ])('refuses %j with %j and writes nothing', async (files, options, message) => {
    place.write({ 'apps/api/environments/env.schema.json': schema, ...files });
    const before = place.files();
    expect(await run(options)).toBe(false);
    expect(place.printed()).toContain(message);
    expect(place.files()).toEqual(before);
  });

  it('needs a schema', async () => {
    expect(await run()).toBe(false);
    expect(place.printed()).toContain('error: there is no schema to make types of\n  where: apps/api/environments/env.schema.json\n');
  });
});

it('gives what the page shows', () => {
  const page = readFileSync(join(__dirname, '../../../../docs/env-sync/types.md'), 'utf8');
  const [schema = '', text = ''] = [/^For this schema\n\n```json\n([\s\S]*?)```/m, /^it is\n\n```ts\n([\s\S]*?)```/m].map((block) => block.exec(page)?.[1]);
  expect(declared(JSON.parse(schema) as object)).toBe(text);
});
