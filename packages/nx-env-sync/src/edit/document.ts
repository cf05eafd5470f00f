import { EnvSyncError } from '../errors.js';
import { isVariableName, LONGEST_ENTRY } from '../parse-env-file.js';
import { printable } from '../problem.js';
import { LINE_END, scan, type Statement } from './statements.js';
import { styleOfNew, writingsOf } from './write-value.js';

export interface EnvDocumentEntry {
  readonly key: string;
  readonly value: string;
  /** First and last line of the assignment, counted from 1. */
  readonly line: number;
  readonly lastLine: number;
}

/** What an edit is meant to leave: keys and values in order. */
type Expected = readonly { readonly key: string; readonly value: string }[];

/**
 * The text of an environment file that can be changed without touching more than what is meant: comments, order, quoting,
 * line ends and the byte order mark stay. Every change is read again before it is taken: the entry has the value that was
 * given, and all others are what they were.
 */
export class EnvDocument {
  private text: string;
  private statements: readonly Statement[];

  constructor(text: string) {
    this.text = text;
    this.statements = scan(text);
  }

  /** All assignments in the order of the file. Of a key that stands several times the last one counts. */
  get entries(): readonly EnvDocumentEntry[] {
    return this.statements.map(({ key, value, line, lastLine }) => ({ key, value, line, lastLine }));
  }

  /** The value that dotenv reads for the key. */
  get(key: string): string | undefined {
    return this.last(key)?.value;
  }

  /**
   * Sets the value that dotenv will read for the key: in place, or in a new line at the end.
   * @throws EnvSyncError when no quoting of the format can hold the value; the document is then as it was.
   */
  set(key: string, value: string): void {
    const old = this.last(key);
    if (old?.value === value) return;
    checkEntry(key, value, old !== undefined);
    const done = old === undefined ? this.append(key, value) : this.replace(old, value);
    if (!done) throw refused(`${key}: its value cannot be written in an environment file: no way of quoting holds it as it is`, 'leave out one of the kinds of quotes that it holds, or encode it (base64, say)');
  }

  /** Removes every assignment of the key with its lines. A comment above it stays. */
  remove(key: string): void {
    for (let old = this.last(key); old !== undefined; old = this.last(key)) {
      const gone = old;
      const [from, to] = this.linesOf(gone);
      const expected = this.statements.filter((each) => each !== gone);
      // What follows can be taken for the value of what stands before; a comment keeps the two apart.
      if (!['', `#${this.lineEnd}`].some((text) => this.take(this.spliced(from, to, text), expected))) throw unchangeable(key);
    }
  }

  /** Gives the key another name in place, all its assignments alike. */
  rename(from: string, to: string): void {
    checkEntry(to, '', false);
    if (this.last(to) !== undefined) throw refused(`${printable(from)} cannot be renamed to ${to}: the file sets ${to} as well`, 'remove one of the two');
    for (let old = this.last(from); old !== undefined; old = this.last(from)) {
      const named = old;
      const expected = this.statements.map((each) => (each === named ? { key: to, value: each.value } : each));
      if (!this.take(this.spliced(named.keyAt, named.keyAt + from.length, to), expected)) throw unchangeable(from);
    }
  }

  toString(): string {
    return this.text;
  }

  private last(key: string): Statement | undefined {
    return this.statements.findLast((each) => each.key === key);
  }

  /** What most lines of the file end with. */
  private get lineEnd(): string {
    const pairs = this.text.split('\r\n').length - 1;
    const feeds = this.text.split('\n').length - 1 - pairs;
    const returns = this.text.split('\r').length - 1 - pairs;
    if (pairs > 0 && pairs >= feeds && pairs >= returns) return '\r\n';
    return returns > feeds ? '\r' : '\n';
  }

  private replace(old: Statement, value: string): boolean {
    const expected = this.statements.map((each) => (each === old ? { key: each.key, value } : each));
    const style = { quote: old.quote, escaped: /\\n/.test(old.raw) || !LINE_END.test(old.raw), lineEnd: this.lineEnd };
    // `KEY:` alone needs the space that makes it an assignment; text right before a # would look like a part of the value.
    const lead = old.separator === ':' && old.raw === '' ? ' ' : '';
    const glued = this.text[old.to] === '#' && old.quote !== '';
    return writingsOf(value, style)
      .filter((writing) => !glued || /^['"`]/.test(writing))
      .some((writing) => this.take(this.spliced(old.from, old.to, `${lead}${writing}`), expected));
  }

  private append(key: string, value: string): boolean {
    const { lineEnd, text } = this;
    const gap = text === '' || text === '\ufeff' || /[\n\r]$/.test(text) ? '' : lineEnd;
    const expected = [...this.statements, { key, value }];
    return writingsOf(value, styleOfNew(value, lineEnd)).some((writing) => this.take(`${text}${gap}${key}=${writing}${lineEnd}`, expected));
  }

  /** From the beginning of the line of the key to the end of the last line of the value, line end included. */
  private linesOf({ keyAt, to }: Statement): readonly [number, number] {
    const { text } = this;
    let from = keyAt;
    while (from > 0 && !LINE_END.test(text[from - 1] ?? '') && text[from - 1] !== '\ufeff') from -= 1;
    let end = to;
    while (end < text.length && !LINE_END.test(text[end] ?? '')) end += 1;
    return [from, Math.min(text.length, end + (text.startsWith('\r\n', end) ? 2 : 1))];
  }

  private spliced(from: number, to: number, text: string): string {
    return `${this.text.slice(0, from)}${text}${this.text.slice(to)}`;
  }

  /** Takes the new text if it is read as expected. */
  private take(text: string, expected: Expected): boolean {
    const found = scan(text);
    const same = found.length === expected.length && found.every(({ key, value }, index) => key === expected[index]?.key && value === expected[index]?.value);
    if (!same) return false;
    this.text = text;
    this.statements = found;
    return true;
  }
}

function refused(what: string, next?: string): EnvSyncError {
  return new EnvSyncError('refused', { what, ...(next === undefined ? {} : { next }) });
}

function unchangeable(key: string): EnvSyncError {
  return refused(`${printable(key)}: its line cannot be changed without changing what the lines around it mean`, 'edit the file by hand');
}

/** What no process can receive is not written either. A name that dotenv accepts and no process does may keep its line. */
function checkEntry(key: string, value: string, stands: boolean): void {
  if (!stands && !isVariableName(key)) throw refused(`${JSON.stringify(printable(key, 64))} is no valid name: letters, digits and _ only, no digit first`);
  if (value.includes('\0')) throw refused(`${key}: its value holds a NUL byte, which no process can receive`);
  if (/[\ud800-\udfff]/u.test(value)) throw refused(`${key}: its value is not well-formed text and would not be the same when it is read again`);
  const bytes = Buffer.byteLength(key) + 1 + Buffer.byteLength(value);
  if (bytes > LONGEST_ENTRY) throw refused(`${key}: its value makes it ${bytes} bytes long; no process can receive more than ${LONGEST_ENTRY}`);
}

/** Reads the text of an environment file for changes. Whatever dotenv 18 accepts is accepted, and read the same. */
export function parseEnvDocument(text: string): EnvDocument {
  return new EnvDocument(text);
}
