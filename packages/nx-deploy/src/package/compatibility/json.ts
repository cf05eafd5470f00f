/** Parts of an OpenAPI document that may be anything. */

export type Json = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The object by its keys in order; an empty one for anything else. */
export function sorted(value: unknown): Json {
  return isObject(value) ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))) : {};
}

export function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

const MOST_HOPS = 20;

/** What a `$ref` within the document leads to (RFC 6901); an empty object for one that leads nowhere or out of it. */
export function resolved(document: Json, value: unknown): Json {
  let found = value;
  for (let hops = 0; isObject(found) && typeof found['$ref'] === 'string'; hops += 1) {
    if (hops >= MOST_HOPS || !found['$ref'].startsWith('#/')) return {};
    found = found['$ref'].slice(2).split('/').reduce<unknown>((at, part) => {
      const key = decoded(part).replaceAll('~1', '/').replaceAll('~0', '~');
      return isObject(at) && Object.hasOwn(at, key) ? at[key] : undefined;
    }, document);
  }
  return isObject(found) ? found : {};
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
