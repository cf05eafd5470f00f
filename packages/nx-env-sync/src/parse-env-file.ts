import { parse } from 'dotenv';
import type { EnvProblem } from './problem.js';

export interface EnvEntry {
  readonly value: string;
  /** Line of the key, counted from 1. */
  readonly line: number;
}

export interface ParsedEnvFile {
  readonly values: ReadonlyMap<string, EnvEntry>;
  readonly problems: readonly EnvProblem[];
}

/** Linux refuses to start a process with a longer `KEY=value` (MAX_ARG_STRLEN, 128 KiB with its ending NUL). */
export const LONGEST_ENTRY = 128 * 1024 - 1;
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
const ASSIGNMENT = /^[ \t]*(?:export[ \t]+)?([^\s=:#]+)(?:[ \t]*=|:(?=[ \t]))[ \t]*(.*)$/;
const BLANK_OR_COMMENT = /^[ \t]*(?:#.*)?$/;
/** The same grammar as dotenv's for a quoted value, up to the end of its line; sticky. */
const QUOTED: Readonly<Record<string, RegExp>> = {
  '"': /"(?:\\"|[^"])*"[ \t]*(?:#.*)?(?=\n|$)/y,
  "'": /'(?:\\'|[^'])*'[ \t]*(?:#.*)?(?=\n|$)/y,
  '`': /`(?:\\`|[^`])*`[ \t]*(?:#.*)?(?=\n|$)/y,
};

/** True for a name that every shell and platform passes on unchanged. `__proto__` is a trap in JavaScript objects. */
export function isVariableName(name: string): boolean {
  return NAME.test(name) && name !== '__proto__';
}

/** One assignment cut out of the file: its text, where it ends, and what is wrong with its form. */
interface Statement {
  readonly text: string;
  readonly end: number;
  readonly flaw?: string;
}

function lineEnd(text: string, from: number): number {
  const end = text.indexOf('\n', from);
  return end === -1 ? text.length : end;
}

/** `valueAt`: offset of the first character of the value. A quoted value may run over several lines. */
function cutStatement(text: string, start: number, valueAt: number): Statement {
  const end = lineEnd(text, start);
  const quoted = QUOTED[text[valueAt] ?? ''];
  if (quoted === undefined) {
    const line = text.slice(start, end);
    const hash = line.indexOf('#', valueAt - start);
    const glued = hash !== -1 && !/[ \t]/.test(line[hash - 1] ?? '');
    return glued
      ? { text: line, end, flaw: 'an unquoted # begins a comment and would cut the value: quote the value, or put a space before the comment' }
      : { text: line, end };
  }
  quoted.lastIndex = valueAt;
  const match = quoted.exec(text);
  if (match !== null) return { text: text.slice(start, valueAt + match[0].length), end: valueAt + match[0].length };
  return { text: text.slice(start, end), end, flaw: 'the quoted value does not end, or text follows its closing quote' };
}

/** Printable ASCII that begins with no quote: dotenv takes what stands before the first #, without the white space around it. */
const PLAIN_VALUE = /^[\t ]*(?:[!$-&(-_a-~][\t -~]*)?$/;

/** dotenv decides the value; the name is handed over apart, since dotenv accepts names that no process does. */
function valueOf(statement: Statement, valueAt: number): string {
  const text = statement.text.slice(valueAt);
  if (PLAIN_VALUE.test(text)) {
    const hash = text.indexOf('#');
    return (hash === -1 ? text : text.slice(0, hash)).trim();
  }
  // dotenv's pattern needs a stack as deep as the value is long; what is too long for any process is told by its length alone.
  return text.length > 2 * LONGEST_ENTRY ? text : parse(`V=${text}`)['V'] ?? '';
}

function flawOf(name: string, value: string, statement: Statement): string | undefined {
  if (statement.text.includes('\0')) return 'holds a NUL byte, which no process can receive';
  if (statement.flaw !== undefined) return statement.flaw;
  const bytes = Buffer.byteLength(name) + 1 + Buffer.byteLength(value);
  return bytes > LONGEST_ENTRY ? `is ${bytes} bytes long; no process can receive more than ${LONGEST_ENTRY}` : undefined;
}

/**
 * Reads the text of an environment file. Values are what dotenv 18 makes of them: nothing is expanded, `\n` and `\r`
 * are escapes in double quotes only. Of a key that is set twice the last one counts, and a problem says so.
 *
 * @param file path for the problems. A problem never repeats text of the file other than a valid key.
 */
export function parseEnvFile(text: string, file: string): ParsedEnvFile {
  const source = text.replace(/^\ufeff/, '').replace(/\r\n?/g, '\n');
  const values = new Map<string, EnvEntry>();
  const problems: EnvProblem[] = [];
  let line = 1;
  for (let start = 0; start < source.length; ) {
    const end = lineEnd(source, start);
    const row = source.slice(start, end);
    const match = ASSIGNMENT.exec(row);
    let next = end;
    if (match === null) {
      if (!BLANK_OR_COMMENT.test(row)) problems.push({ file, line, what: 'is no assignment: expected KEY=value, a comment or an empty line', rule: 'syntax' });
    } else {
      const [, name = '', rest = ''] = match;
      const valueAt = row.length - rest.length;
      const statement = cutStatement(source, start, start + valueAt);
      next = statement.end;
      record({ name, value: valueOf(statement, valueAt), line, statement });
    }
    line += countLines(source, start, next);
    start = next + 1;
  }
  return { values, problems };

  function record(found: { name: string; value: string; line: number; statement: Statement }): void {
    const at = { file, line: found.line };
    if (!isVariableName(found.name)) {
      // Not shown: a line of a broken key or certificate can look like a name.
      problems.push({ ...at, what: 'the name left of the = is not valid: letters, digits and _ only, no digit first', rule: 'syntax' });
      return;
    }
    const key = found.name;
    const flaw = flawOf(key, found.value, found.statement);
    if (flaw !== undefined) {
      problems.push({ ...at, key, what: flaw, rule: 'syntax' });
      return;
    }
    const earlier = values.get(key);
    if (earlier !== undefined) problems.push({ ...at, key, what: `is set twice, first in line ${earlier.line}; remove one`, rule: 'duplicate' });
    values.set(key, { value: found.value, line: found.line });
  }
}

function countLines(text: string, from: number, to: number): number {
  let lines = 1;
  for (let at = text.indexOf('\n', from); at !== -1 && at < to; at = text.indexOf('\n', at + 1)) lines += 1;
  return lines;
}
