/** Keeps secret values out of what programs print. */

const SHORTEST_SECRET = 6;

export interface Redactor {
  readonly replace: (text: string) => string;
  /** Characters of the longest text that is replaced. */
  readonly longest: number;
}

/**
 * Replaces secret values in text without line feeds: the value, each line of a value of several lines, and the value as JSON has it.
 * What is under six characters is left: it would garble ordinary text.
 */
export function redactor(...secrets: readonly Readonly<Record<string, string>>[]): Redactor {
  const pairs = secrets.flatMap((values) => Object.entries(values))
    .flatMap(([name, value]) => [...value.split(/\r?\n/), JSON.stringify(value).slice(1, -1)].map((text) => [name, text] as const))
    .filter(([, text]) => text.length >= SHORTEST_SECRET)
    .sort(([, a], [, b]) => b.length - a.length);
  return {
    replace: (line) => pairs.reduce((text, [name, value]) => text.replaceAll(value, () => `[${name}]`), line),
    longest: pairs[0]?.[1].length ?? 0,
  };
}
