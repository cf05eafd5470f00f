/** What an answer must hold beside its status. */
import { createContext, Script } from 'node:vm';
import { printable, WORKING_LENGTH } from '../result.js';
import type { Answer } from './exchange.js';
import { atJsonPath, parseJsonPath } from './json-path.js';

export interface Expectation {
  /** Patterns by name of the header. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Values, or patterns of text, by JSON path. */
  readonly json: Readonly<Record<string, JsonWish>>;
}

export type JsonWish = string | number | boolean | null | { readonly matches: string } | { readonly exists: boolean };

/** ms of the processor; a pattern that backtracks for ever must not hold up everything else. */
const PATTERN_MS = 100;
/** It is ended by the clock: on a machine that is busy it has got less of the processor by then, and is tried again, each time for twice as long. */
const MOST_TRIES = 5;

/** The first thing that is not as it must be; undefined when all is well. */
export function disappointment({ headers, body, json }: Expectation, answer: Answer, limit: number): string | undefined {
  for (const [name, pattern] of Object.entries(headers)) {
    const value = answer.headers[name.toLowerCase()];
    if (value === undefined) return `the header ${name} is missing`;
    if (!matches(pattern, String(value))) return `the header ${name} does not match ${shown(pattern)}, got ${shown(String(value))}`;
  }
  const places = Object.entries(json);
  if (body === undefined && places.length === 0) return undefined;
  if (!answer.whole) return `the body is larger than ${limit} bytes`;
  const text = answer.body.toString('utf8');
  if (body !== undefined && !matches(body, text)) return `the body does not match ${shown(body)}, got ${shown(text)}`;
  return places.length === 0 ? undefined : jsonDisappointment(places, text);
}

function jsonDisappointment(places: readonly (readonly [string, JsonWish])[], text: string): string | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return `the body is no JSON, got ${shown(text)}`;
  }
  for (const [path, wish] of places) {
    const found = atJsonPath(value, parseJsonPath(path) ?? []);
    const said = found === undefined ? 'nothing' : shown(found);
    if (typeof wish === 'object' && wish !== null && 'exists' in wish) {
      if ((found !== undefined) !== wish.exists) return `${path} must ${wish.exists ? '' : 'not '}be there, got ${said}`;
    } else if (typeof wish === 'object' && wish !== null) {
      if (typeof found !== 'string' || !matches(wish.matches, found)) return `${path} must match ${shown(wish.matches)}, got ${said}`;
    } else if (found !== wish) return `${path} must be ${shown(wish)}, got ${said}`;
  }
  return undefined;
}

/** Of working length: what is cut here would hide a secret from those who blot it out. */
function shown(value: unknown): string {
  return printable(JSON.stringify(value), WORKING_LENGTH);
}

/** @throws Error when the pattern takes too long */
function matches(pattern: string, text: string): boolean {
  for (let tried = 1; ; tried += 1) {
    const before = process.cpuUsage();
    try {
      return MATCH.runInContext(createContext({ pattern, text }), { timeout: PATTERN_MS * 2 ** (tried - 1) }) === true;
    } catch (error) {
      const { user, system } = process.cpuUsage(before);
      if ((user + system) / 1_000 >= PATTERN_MS * 0.9 || tried === MOST_TRIES) throw new Error(`the pattern ${shown(pattern)} took longer than ${PATTERN_MS} ms`, { cause: error });
    }
  }
}

/** The only way to end a match that is under way. */
const MATCH = new Script('new RegExp(pattern, "u").test(text)');
