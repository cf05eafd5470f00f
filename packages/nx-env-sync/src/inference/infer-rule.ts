import { isSecretName, passwordIn } from '../audit/secret-names.js';
import { formats } from '../formats.js';
import type { VariableRead } from './variable-reads.js';

/** All that is known of a key. */
export interface SeenKey {
  /** What the files set. Nothing of it is copied into the schema. */
  readonly values: readonly string[];
  /** Every environment sets it. */
  readonly everywhere: boolean;
  readonly reads: readonly VariableRead[];
}

export interface InferredRule {
  readonly definition: Readonly<Record<string, unknown>>;
  readonly required: boolean;
}

/** A number that is written as one: a post code or a telephone number with a zero first is text. */
const INTEGER = /^-?(?:0|[1-9]\d{0,14})$/;

function typeOf(values: readonly string[]): Record<string, unknown> {
  const all = (test: (value: string) => boolean): boolean => values.length > 0 && values.every(test);
  if (all((value) => INTEGER.test(value))) return { type: 'integer' };
  if (all((value) => value === 'true' || value === 'false')) return { type: 'boolean' };
  if (all((value) => /^[a-z][a-z0-9+.-]*:\/\//i.test(value) && formats.uri(value))) return { type: 'string', format: 'uri' };
  return { type: 'string' };
}

/** What the schema is to say of a key, so that what is set already stays valid. */
export function inferRule(name: string, { values, everywhere, reads }: SeenKey): InferredRule {
  const secret = isSecretName(name) || values.some((value) => passwordIn(value) !== undefined);
  const stated = [...new Set(reads.flatMap(({ otherwise }) => (otherwise === undefined ? [] : [otherwise])))];
  // Where the source has several ways, none of them is the default; a secret has none in a schema.
  const preset = stated.length === 1 && reads.every(({ otherwise }) => otherwise !== undefined) && !secret ? stated[0] : undefined;
  const type = typeOf([...values, ...preset === undefined ? [] : [String(preset)]]);
  const value = preset === undefined || typeof preset === 'string' || type['type'] !== 'string' ? preset : String(preset);
  return {
    definition: { ...type, ...(value === undefined ? {} : { default: typedDefault(value, type['type']) }), ...(secret ? { 'x-secret': true } : {}) },
    required: everywhere && preset === undefined,
  };
}

/** `'3'` of the source as the number that the schema calls it. */
function typedDefault(value: string | number | boolean, type: unknown): string | number | boolean {
  if (typeof value !== 'string' || type === 'string') return value;
  return type === 'boolean' ? value === 'true' : Number(value);
}
