/** Changes of JSON schemas that a client notices: what it sends may be refused, and what it reads may be missing. */
import { isObject, resolved, sorted, type Json } from './json.js';

/** A schema that holds itself ends here. */
const DEEPEST = 12;

interface Flat {
  readonly types: readonly string[] | undefined;
  readonly required: ReadonlySet<string>;
  readonly properties: Json;
  readonly values: readonly unknown[] | undefined;
  readonly items: unknown;
}

/** The schema with all that its `allOf` says. */
function flat(document: Json, schema: unknown, depth = 0): Flat {
  const own = resolved(document, schema);
  const type = own['type'];
  const types = typeof type === 'string' ? [type] : Array.isArray(type) ? type.filter((one): one is string => typeof one === 'string') : undefined;
  const parts = depth < DEEPEST && Array.isArray(own['allOf']) ? own['allOf'].map((part) => flat(document, part, depth + 1)) : [];
  const required = Array.isArray(own['required']) ? own['required'].filter((one): one is string => typeof one === 'string') : [];
  return {
    types: types === undefined ? parts.find((part) => part.types !== undefined)?.types : own['nullable'] === true ? [...types, 'null'] : types,
    required: new Set([...parts.flatMap((part) => [...part.required]), ...required]),
    properties: Object.assign({}, ...parts.map((part) => part.properties), sorted(own['properties'])) as Json,
    values: Array.isArray(own['enum']) ? own['enum'] as unknown[] : parts.find((part) => part.values !== undefined)?.values,
    items: own['items'] ?? parts.find((part) => part.items !== undefined)?.items,
  };
}

/** `where` names the value in each line. */
export function requestChanges(before: Json, after: Json, was: unknown, is: unknown, where: string, depth = 0): readonly string[] {
  if (!isObject(was) || !isObject(is) || depth > DEEPEST) return [];
  const [old, now] = [flat(before, was), flat(after, is)];
  const refused = lost(old.types, now.types, (type) => type === 'integer' ? 'number' : type);
  const values = old.values === undefined ? (now.values === undefined ? [] : [`${where} may no longer have every value`])
    : (now.values === undefined ? [] : old.values.filter((value) => !now.values?.includes(value)).map((value) => `${where} may no longer be ${JSON.stringify(value)}`));
  const required = [...now.required].filter((name) => !old.required.has(name)).map((name) => `${where}: the property ${name} is now required`);
  const inner = Object.entries(old.properties).flatMap(([name, property]) => requestChanges(before, after, property, now.properties[name], `${where}: ${name}`, depth + 1));
  return [...refused.map((type) => `${where} may no longer be of type ${type}`), ...values, ...required, ...inner, ...requestChanges(before, after, old.items, now.items, `${where}[]`, depth + 1)];
}

export function responseChanges(before: Json, after: Json, was: unknown, is: unknown, where: string, depth = 0): readonly string[] {
  if (!isObject(was) || !isObject(is) || depth > DEEPEST) return [];
  const [old, now] = [flat(before, was), flat(after, is)];
  const types = lost(now.types, old.types, (type) => type === 'integer' ? 'number' : type).map((type) => `${where} may now be of type ${type}`);
  const gone = Object.keys(old.properties).filter((name) => !Object.hasOwn(now.properties, name)).map((name) => `${where}: the property ${name} is gone`);
  const optional = [...old.required].filter((name) => !now.required.has(name) && Object.hasOwn(now.properties, name)).map((name) => `${where}: the property ${name} may now be missing`);
  const inner = Object.entries(old.properties).flatMap(([name, property]) => responseChanges(before, after, property, now.properties[name], `${where}: ${name}`, depth + 1));
  return [...types, ...gone, ...optional, ...inner, ...responseChanges(before, after, old.items, now.items, `${where}[]`, depth + 1)];
}

/** Types of `all` that none of `some` takes; a whole number is a number. Nothing when either says nothing. */
function lost(all: readonly string[] | undefined, some: readonly string[] | undefined, wider: (type: string) => string): readonly string[] {
  if (all === undefined || some === undefined) return [];
  return all.filter((type) => !some.includes(type) && !some.includes(wider(type)));
}
