import { LONGEST_ENTRY } from './parse-env-file.js';
import type { EnvProblem } from './problem.js';
import { isReservedName } from './reserved-names.js';
import { suggest } from './suggest.js';

/** A value and where it stands. */
export interface PlacedValue {
  readonly value: string;
  readonly file: string;
  readonly line: number;
}

export interface Expanded {
  /** All keys, with the text of a reference in its place. */
  readonly values: ReadonlyMap<string, PlacedValue>;
  /** Keys whose value holds the value of others, with all of these, through any number of references. */
  readonly holds: ReadonlyMap<string, ReadonlySet<string>>;
  readonly problems: readonly EnvProblem[];
}

/** Through how many keys a reference may lead, and how large an environment may become by references: Linux starts no process with 2 MiB. */
const DEEPEST = 100;
const LARGEST_SUM = 2 * 1024 * 1024;
/** `${NAME}`, and `$${` for a `${` that is none. Everything else, `$NAME` and `$(...)` too, is text. */
const REFERENCE = /\$\$\{|\$\{([^}]*)\}?/g;

/** One pass over the environment; every value is made once, however often it is referred to. */
class Expansion {
  readonly values = new Map<string, PlacedValue>();
  readonly holds = new Map<string, Set<string>>();
  readonly problems: EnvProblem[] = [];
  private readonly path: string[] = [];
  private readonly circles = new Set<string>();
  private sum = 0;

  constructor(private readonly given: ReadonlyMap<string, PlacedValue>) {}

  /** The text of a key; one that cannot be made stays as it is written, and a problem says why. */
  value(key: string, placed: PlacedValue): string {
    const made = this.values.get(key);
    if (made !== undefined) return made.value;
    const held = new Set<string>();
    this.path.push(key);
    const value = this.replaced(key, placed, held);
    this.path.pop();
    const whole = value ?? placed.value;
    this.values.set(key, { ...placed, value: whole });
    if (held.size > 0) this.holds.set(key, held);
    return whole;
  }

  private replaced(key: string, placed: PlacedValue, held: Set<string>): string | undefined {
    const parts: (string | undefined)[] = [];
    let [end, length] = [0, placed.value.length];
    for (const reference of placed.value.matchAll(REFERENCE)) {
      const part = this.part(reference[0], reference[1] ?? '', { key, placed, held });
      parts.push(placed.value.slice(end, reference.index), part);
      end = reference.index + reference[0].length;
      length += part?.length ?? 0;
    }
    if (parts.length === 0) return placed.value;
    this.sum += length;
    if (length > LONGEST_ENTRY || this.sum > LARGEST_SUM) {
      this.report(key, placed, 'is too long with what it refers to; no process can receive that');
      return undefined;
    }
    return parts.includes(undefined) ? undefined : parts.join('') + placed.value.slice(end);
  }

  private part(text: string, name: string, { key, placed, held }: { key: string; placed: PlacedValue; held: Set<string> }): string | undefined {
    if (text === '$${') return '${';
    const what = this.flaw(text, name);
    if (what !== undefined) {
      this.report(key, placed, what);
      return undefined;
    }
    held.add(name);
    if (this.path.length > DEEPEST) {
      this.report(key, placed, `refers through more than ${DEEPEST} keys`);
      return undefined;
    }
    if (this.path.includes(name)) {
      this.reportCircle(name, placed);
      return undefined;
    }
    const target = this.given.get(name);
    const value = target === undefined ? undefined : this.value(name, target);
    for (const further of this.holds.get(name) ?? []) held.add(further);
    return value;
  }

  private flaw(text: string, name: string): string | undefined {
    if (!text.endsWith('}') || !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return 'holds a reference that is not ${NAME}; write $${ for a ${ that is text';
    if (this.given.has(name)) return undefined;
    if (isReservedName(name)) return `refers to ${name}, which is known only when an instance starts`;
    const near = suggest(name, this.given.keys());
    // What looks like a name can be a part of a secret that was not meant as a reference.
    return near === undefined ? 'refers to a key that is not set; write $${ for a ${ that is text' : `refers to a key that is not set; did you mean ${near}?`;
  }

  /** Once for each circle, whichever of its keys is looked at first. */
  private reportCircle(name: string, placed: PlacedValue): void {
    const circle = this.path.slice(this.path.indexOf(name));
    const least = circle.indexOf([...circle].sort()[0] ?? '');
    const turned = [...circle.slice(least), ...circle.slice(0, least)];
    const shown = [...turned, turned[0]].join(' -> ');
    if (this.circles.has(shown)) return;
    this.circles.add(shown);
    this.report(this.path.at(-1) ?? name, placed, `refers to itself: ${shown}`);
  }

  private report(key: string, { file, line }: PlacedValue, what: string): void {
    this.problems.push({ file, line, key, what, rule: 'reference' });
  }
}

/** Replaces references among the keys of one environment. Nothing is taken from `process.env`, and nothing is run. */
export function expandReferences(given: ReadonlyMap<string, PlacedValue>): Expanded {
  const expansion = new Expansion(given);
  for (const [key, placed] of given) expansion.value(key, placed);
  const { holds, problems } = expansion;
  return { values: new Map([...given].map(([key, placed]) => [key, expansion.values.get(key) ?? placed])), holds, problems };
}
