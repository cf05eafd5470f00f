import { Ajv, type AnySchema, type ErrorObject, type ValidateFunction } from 'ajv';
import { formatHints, formats } from './formats.js';
import { printable } from './problem.js';
import { isSecret, type KeyRule } from './schema.js';
import { TRAITS } from './traits.js';

const TYPES = ['integer', 'number', 'boolean', 'string'] as const;
type ValueType = (typeof TYPES)[number];

const typeHints: Readonly<Record<ValueType, string>> = {
  integer: 'must be a whole number',
  number: 'must be a number',
  boolean: 'must be true or false',
  string: 'must be text',
};

/** Text to typed value, strictly: what one language reads as a number and another does not is no number here. */
const readers: Readonly<Record<ValueType, (text: string) => unknown>> = {
  integer: (text) => (/^-?\d{1,15}$/.test(text) ? Number(text) : undefined),
  number: (text) => (/^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(text) && Number.isFinite(Number(text)) ? Number(text) : undefined),
  boolean: (text) => (text === 'true' || text === 'false' ? text === 'true' : undefined),
  string: (text) => text,
};

/** Checks the text of one key; the answer is what would be right, or undefined when it is right. */
export type ValueCheck = (text: string) => string | undefined;

export type CompiledRule = { readonly check: ValueCheck } | { readonly flaw: string };

/** How many descriptions are kept; a workspace has far fewer that differ. */
const KEPT = 5_000;

/** Turns the schemas of keys into checks, each description once. */
export class RuleCompiler {
  private ajv = newAjv();
  private readonly compiled = new Map<string, CompiledRule>();

  /** `flaw` says why the definition itself cannot be used. */
  compile(rule: KeyRule): CompiledRule {
    const text = textOf(rule.definition);
    const known = this.compiled.get(text);
    if (known !== undefined) return known;
    if (this.compiled.size >= KEPT) {
      this.compiled.clear();
      // It keeps all that it compiled.
      this.ajv = newAjv();
    }
    // An $id is known to one instance for good, whatever it stands in.
    const made = compileNew({ ...rule, definition: JSON.parse(text) as KeyRule['definition'] }, text.includes('"$id"') ? newAjv() : this.ajv);
    this.compiled.set(text, made);
    return made;
  }
}

const NOTES = ['title', 'description', '$comment'];

/** As JSON. Keys that differ only in what is told about them are checked alike; a note that is no text is a flaw, and stays. */
function textOf(definition: KeyRule['definition']): string {
  const parts: string[] = [];
  for (const [keyword, value] of Object.entries(definition)) {
    const told = keyword === 'default' || (typeof value === 'string' && NOTES.includes(keyword)) || (keyword.startsWith('x-') && (TRAITS as readonly string[]).includes(keyword));
    if (!told) parts.push(`${JSON.stringify(keyword)}:${JSON.stringify(value)}`);
  }
  return `{${parts.join(',')}}`;
}

function compileNew(rule: KeyRule, ajv: Ajv): CompiledRule {
  const types = typesOf(rule.definition['type']);
  if (types === undefined) return { flaw: `the type must be one of ${TYPES.join(', ')}` };
  if (strangeChoices(rule.definition['enum'], types)) return { flaw: 'enum holds a value of another type than the key; a key without a type is text' };
  const validate = validator({ ...rule.definition, type: types }, ajv);
  if (typeof validate === 'string') return { flaw: validate };
  const secret = isSecret(rule);
  return { check: (text) => check({ text, types, validate, secret }) };
}

function validator(schema: AnySchema, ajv: Ajv): ValidateFunction | string {
  try {
    return ajv.compile(schema);
  } catch (error) {
    return `its description is not a valid JSON schema: ${printable(error instanceof Error ? error.message : String(error))}`;
  }
}

function newAjv(): Ajv {
  const ajv = new Ajv({ strict: true, allowUnionTypes: true, allErrors: true, logger: false });
  for (const [name, validate] of Object.entries(formats)) ajv.addFormat(name, validate);
  ajv.addKeyword({ keyword: 'x-secret', schemaType: 'boolean' });
  // Looked at where the schema is read, with the line they stand in.
  for (const keyword of TRAITS) ajv.addKeyword(keyword);
  return ajv;
}

function typesOf(type: unknown): ValueType[] | undefined {
  const named: unknown[] = type === undefined ? ['string'] : [type].flat();
  const types = TYPES.filter((known) => named.includes(known));
  return types.length > 0 && types.length === named.length ? types : undefined;
}

/** A number among the choices of a text could never be chosen. */
function strangeChoices(choices: unknown, types: readonly ValueType[]): boolean {
  const fits = (choice: unknown): boolean => types.some((type) => typeof choice === (type === 'integer' ? 'number' : type));
  return Array.isArray(choices) && !choices.every(fits);
}

function check(of: { text: string; types: readonly ValueType[]; validate: ValidateFunction; secret: boolean }): string | undefined {
  const typed = of.types.map((type) => readers[type](of.text)).filter((value) => value !== undefined);
  if (typed.length === 0) return of.types.map((type) => typeHints[type]).join(', or ');
  if (typed.some((value) => of.validate(value))) return undefined;
  const hints = (of.validate.errors ?? []).map((error) => hintOf(error, of.secret));
  return [...new Set(hints)].join(', and ');
}

/** Says what the schema asks for. ajv's own messages could quote the value, so they are not used. */
function hintOf(error: ErrorObject, secret: boolean): string {
  const params = error.params as Readonly<Record<string, unknown>>;
  const limit = String(params['limit']);
  switch (error.keyword) {
    case 'minimum': return `must be at least ${limit}`;
    case 'maximum': return `must be at most ${limit}`;
    case 'exclusiveMinimum': return `must be more than ${limit}`;
    case 'exclusiveMaximum': return `must be less than ${limit}`;
    case 'multipleOf': return `must be a multiple of ${String(params['multipleOf'])}`;
    case 'minLength': return limit === '1' ? 'must not be empty' : `must have at least ${limit} characters`;
    case 'maxLength': return `must have at most ${limit} characters`;
    case 'format': return formatHints[String(params['format'])] ?? 'must have the format of its schema';
    default: return secret ? 'must have the form that its schema asks for' : formHint(error.keyword, params);
  }
}

/** Hints that quote the schema: a list of allowed values or a pattern may say too much about a secret. */
function formHint(keyword: string, params: Readonly<Record<string, unknown>>): string {
  if (keyword === 'enum') return `must be one of ${(params['allowedValues'] as unknown[]).map((value) => printable(String(value))).join(', ')}`;
  if (keyword === 'const') return `must be ${printable(String(params['allowedValue']))}`;
  if (keyword === 'pattern') return `must match the pattern ${printable(String(params['pattern']))}`;
  return 'must have the form that its schema asks for';
}
