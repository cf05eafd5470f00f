/** `${NAME}` in a text is the value of a variable, so that no secret stands in a file. `$${NAME}` is `${NAME}`. */

export interface Filled {
  readonly value: unknown;
  /** Values that were put in: none of them is for any output. */
  readonly secrets: readonly string[];
  /** Variables that are not set, each with the place where it is asked for. */
  readonly missing: readonly { readonly path: readonly (string | number)[]; readonly name: string }[];
}

const REFERENCE = /(\$?)\$\{([A-Za-z_]\w*)\}/g;

export function fillReferences(raw: unknown, variables: Readonly<Record<string, string | undefined>>): Filled {
  const secrets = new Set<string>();
  const missing: { path: readonly (string | number)[]; name: string }[] = [];
  const visit = (value: unknown, path: readonly (string | number)[]): unknown => {
    if (typeof value === 'string') {
      return value.replace(REFERENCE, (whole, escaped: string, name: string) => {
        if (escaped !== '') return whole.slice(1);
        const found = variables[name];
        if (found === undefined || found === '') {
          missing.push({ path, name });
          return '';
        }
        secrets.add(found);
        return found;
      });
    }
    if (Array.isArray(value)) return value.map((each, index) => visit(each, [...path, index]));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, visit(each, [...path, key])]));
  };
  return { value: visit(raw, []), secrets: [...secrets], missing };
}
