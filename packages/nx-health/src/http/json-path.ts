/** A place in JSON: singular queries of JSONPath, RFC 9535 section 2.3.5.1, as `$.checks[0]['a b'].up`; the `$.` may be left out. */

const STEP = /^(?:\.?([A-Za-z_][\w-]*)|\[(\d{1,9})\]|\['([^'\\]*)'\]|\["([^"\\]*)"\])/;

/** Keys and indexes; undefined when the text has another form. */
export function parseJsonPath(text: string): readonly (string | number)[] | undefined {
  const steps: (string | number)[] = [];
  let rest = text.startsWith('$') ? text.slice(1) : text;
  while (rest !== '') {
    const step = STEP.exec(rest);
    if (step === null) return undefined;
    const [whole, name, index, single, double] = step;
    steps.push(index === undefined ? name ?? single ?? double ?? '' : Number(index));
    rest = rest.slice(whole.length);
  }
  return text === '' ? undefined : steps;
}

/** Undefined when there is nothing at that place. */
export function atJsonPath(value: unknown, steps: readonly (string | number)[]): unknown {
  return steps.reduce<unknown>((at, step) => {
    if (typeof at !== 'object' || at === null || Array.isArray(at) !== (typeof step === 'number')) return undefined;
    return Object.hasOwn(at, step) ? (at as Readonly<Record<string, unknown>>)[step] : undefined;
  }, value);
}
