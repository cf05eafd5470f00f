/** Files that are filled in from an environment: `${NAME}`, `${NAME:-otherwise}`, and `$${` for a `${` that is meant. */

const PLACE = /\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}\n]*))?\}/g;

/** Names that the text needs, sorted; those with a value of their own are not among them. */
export function neededVariables(text: string): readonly string[] {
  const names = [...text.matchAll(PLACE)].flatMap(([, name, otherwise]) => (name === undefined || otherwise !== undefined ? [] : [name]));
  return [...new Set(names)].sort();
}

export interface FilledIn {
  readonly text: string;
  /** Names of all variables in it, also of those with a text that stands for them. */
  readonly used: readonly string[];
  /** Names of those that have neither a value nor such a text; they stay as they are. Sorted. */
  readonly missing: readonly string[];
}

/** What is filled in is not looked at again: a value that holds `${OTHER}` stays as it is. */
export function fillIn(template: string, values: Readonly<Record<string, string>>): FilledIn {
  const used = new Set<string>();
  const missing = new Set<string>();
  const text = template.replace(PLACE, (all, name: string | undefined, otherwise: string | undefined) => {
    if (name === undefined) return '${';
    used.add(name);
    const value = Object.hasOwn(values, name) ? values[name] : otherwise;
    if (value === undefined) missing.add(name);
    return value ?? all;
  });
  return { text, used: [...used], missing: [...missing].sort() };
}

/** Lines, counted from 1, in which the variable stands. */
export function linesOf(name: string, template: string): readonly number[] {
  const lines: number[] = [];
  let [line, from] = [1, 0];
  for (const place of template.matchAll(PLACE)) {
    line += template.slice(from, place.index).split('\n').length - 1;
    from = place.index;
    if (place[1] === name && lines.at(-1) !== line) lines.push(line);
  }
  return lines;
}
