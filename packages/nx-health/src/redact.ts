/** Errors of drivers quote what they were given: addresses with passwords, and headers. None of that is for whoever asks for health. */
import { printable } from './result.js';

const LONGEST = 200;
const HIDDEN: readonly (readonly [RegExp, string])[] = [
  // scheme://user:password@host; a password that should have been escaped may hold "/" and "@" as well
  [/\b([a-z][a-z0-9+.-]*:\/\/)(?:[^\s/@]*:\S*|[^\s/]*)@/gi, '$1***@'],
  [/\b(bearer|basic)\s+[\w.~+/=-]+/gi, '$1 ***'],
  [/((?:pass(?:word|wd|phrase)?|secret|token|api[-_]?key|access[-_]?key|credential)s?["']?\s*[=:]\s*)("[^"]*"|'[^']*'|[^\s,;&}]+)/gi, '$1***'],
];

/** One line of printable ASCII without credentials, at most 200 characters. */
export function redacted(text: string): string {
  // What is cut off in the middle of a credential would not be known as one any more: the text is looked through first.
  return printable(HIDDEN.reduce((line, [pattern, by]) => line.replace(pattern, by), text.slice(0, 4 * 1024)), LONGEST);
}
