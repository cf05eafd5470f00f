/**
 * What a client of the release before may miss in an API, by two OpenAPI documents (https://spec.openapis.org/oas/v3.1.0; 3.0 and Swagger 2.0 as far as they say the same).
 * Told are: a path or an operation that is gone; a parameter, a request body or a property of a request that is now required; a value that a request may no longer
 * have; a response that is gone, and properties that a response no longer has. Not looked at are formats, limits, and what `oneOf`, `anyOf` and `not` say.
 */
import { isObject, resolved, sorted, text, type Json } from './json.js';
import { requestChanges, responseChanges } from './schemas.js';

const METHODS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'] as const;

/** One line each, sorted; none when nothing is missing. */
export function breakingChanges(before: Json, after: Json): readonly string[] {
  const found: string[] = [];
  const now = new Map(Object.entries(sorted(after['paths'])).map(([path, item]) => [shape(path), { path, item: resolved(after, item) }]));
  for (const [path, item] of Object.entries(sorted(before['paths']))) {
    const old = resolved(before, item);
    const { path: nextPath = '', item: next } = now.get(shape(path)) ?? {};
    if (next === undefined) {
      found.push(`${path}: the path is gone`);
      continue;
    }
    for (const method of METHODS) {
      if (!isObject(old[method])) continue;
      const name = `${method.toUpperCase()} ${path}`;
      if (isObject(next[method])) found.push(...operationChanges({ document: before, path, item: old, operation: old[method] }, { document: after, path: nextPath, item: next, operation: next[method] }).map((change) => `${name}: ${change}`));
      else found.push(`${name}: the operation is gone`);
    }
  }
  return [...new Set(found)].sort();
}

/** The names of parameters in a path say nothing to a client. */
function shape(path: string): string {
  return path.replace(/\{[^/}]*\}/g, '{}');
}

interface Side {
  readonly document: Json;
  readonly path: string;
  readonly item: Json;
  readonly operation: Json;
}

function operationChanges(before: Side, after: Side): readonly string[] {
  return [...parameterChanges(before, after), ...bodyChanges(before, after), ...answerChanges(before, after)];
}

/** By kind and name; those in the path by their place, as their names say nothing to a client. */
function parameters({ document, path, item, operation }: Side): ReadonlyMap<string, Json> {
  const places = [...path.matchAll(/\{([^/}]*)\}/g)].map(([, name = '']) => name);
  const all = [item['parameters'], operation['parameters']].flatMap((list) => (Array.isArray(list) ? list as unknown[] : [])).map((one) => resolved(document, one));
  return new Map(all.map((one) => [`${text(one['in'])} ${one['in'] === 'path' ? String(places.indexOf(text(one['name'])) + 1) : text(one['name'])}`, one]));
}

function parameterChanges(before: Side, after: Side): readonly string[] {
  const old = parameters(before);
  return [...parameters(after)].flatMap(([key, parameter]) => {
    const was = old.get(key);
    const name = key.startsWith('body ') ? 'the request body' : `the ${key.replace(' ', ' parameter ')}`;
    if (parameter['required'] === true && was?.['required'] !== true && parameter['in'] !== 'path') return [`${name} is now required`];
    if (was === undefined) return [];
    // Swagger 2.0 has the type of a parameter beside its name.
    const schema = (one: Json): unknown => one['schema'] ?? one;
    return requestChanges(before.document, after.document, schema(was), schema(parameter), name);
  });
}

function bodyChanges(before: Side, after: Side): readonly string[] {
  const now = resolved(after.document, after.operation['requestBody']);
  const was = resolved(before.document, before.operation['requestBody']);
  const required = now['required'] === true && was['required'] !== true ? ['the request body is now required'] : [];
  const types = Object.entries(sorted(was['content'])).flatMap(([type, media]) => {
    const next = sorted(now['content'])[type];
    if (next === undefined) return [`the request body may no longer be ${type}`];
    return requestChanges(before.document, after.document, schemaOf(media), schemaOf(next), 'the request body');
  });
  return [...required, ...types];
}

function answerChanges(before: Side, after: Side): readonly string[] {
  const now = sorted(after.operation['responses']);
  return Object.entries(sorted(before.operation['responses'])).flatMap(([status, response]) => {
    const was = resolved(before.document, response);
    const name = `the response ${status}`;
    // An error that no longer happens is missed by nobody.
    if (now[status] === undefined) return /^[23]/.test(status) ? [`${name} is gone`] : [];
    const next = resolved(after.document, now[status]);
    const old: Readonly<Record<string, unknown>> = was['schema'] === undefined ? sorted(was['content']) : { '': { schema: was['schema'] } };
    const content: Readonly<Record<string, unknown>> = next['schema'] === undefined ? sorted(next['content']) : { '': { schema: next['schema'] } };
    return Object.entries(old).flatMap(([type, media]) => {
      if (content[type] === undefined) return [`${name} is no longer ${type}`];
      return responseChanges(before.document, after.document, schemaOf(media), schemaOf(content[type]), name);
    });
  });
}

function schemaOf(media: unknown): unknown {
  return isObject(media) ? media['schema'] : undefined;
}
