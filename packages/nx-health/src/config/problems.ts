/** Turns what a schema found into lines that a person can act on: `where (line:column): must be ..., got ...`. */
import type * as z from 'zod';
import { printable } from '../result.js';
import { unknown } from '../suggest.js';
import type { Document, Path } from './document.js';
import { pathText } from './document.js';

/** Nobody reads the last of more problems than this. */
const MOST_EXPLAINED = 200;

/** `base`: where the value that was checked stands in the file. What was got is quoted as it stands in the file, so that no value of a variable is. */
export function problemsOf(issues: readonly z.core.$ZodIssue[], base: Path, document: Document): readonly string[] {
  return issues.slice(0, MOST_EXPLAINED).flatMap((issue) => explain(issue, base, document));
}

export function problem(path: Path, text: string, document: Document, at: 'key' | 'value' = 'value'): string {
  const place = document.place(path, at);
  return `${path.length === 0 ? 'the file' : pathText(path)}${place === undefined ? '' : ` (${place.line}:${place.column})`}: ${text}`;
}

function explain(issue: z.core.$ZodIssue, base: Path, document: Document): readonly string[] {
  const path: Path = [...base, ...issue.path.map((part) => (typeof part === 'symbol' ? part.toString() : part))];
  if (issue.code === 'unrecognized_keys') {
    const known = issue.message.split(' ');
    return issue.keys.map((key) => problem([...path, key], unknown('key', key, known), document, 'key'));
  }
  if (issue.code === 'invalid_key') return [problem(path, `the key ${issue.issues[0]?.message ?? issue.message}`, document, 'key')];
  const given = document.at(path);
  // A union's own message speaks of its forms. Once an object is given, the problems inside it say more.
  if (issue.code === 'invalid_union' && typeof given === 'object' && given !== null) {
    const inner = issue.errors.at(-1) ?? [];
    if (inner.length > 0) return inner.flatMap((each) => explain(each, path, document));
  }
  if (issue.code === 'custom' && path.length === base.length) return [problem(path, issue.message, document)];
  return [problem(path, given === undefined ? `${issue.message}, but is missing` : `${issue.message}, got ${shown(given)}`, document)];
}

/** A password in an address is no more for the output than one in a variable. */
function shown(value: unknown): string {
  if (typeof value === 'string') return printable(/:\/\/|@/.test(value) ? '(an address)' : JSON.stringify(value), 60);
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  return typeof value === 'object' && value !== null ? 'an object' : String(value);
}
