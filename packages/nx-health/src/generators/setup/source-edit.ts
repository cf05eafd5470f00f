/** Edits of a source, and how its writer writes: what is put in looks as if it had always been there. */

export interface Insertion {
  /** Offset in the text. */
  readonly at: number;
  readonly text: string;
}

export interface Manner {
  readonly newline: string;
  readonly quote: string;
  readonly semicolon: string;
  readonly indent: string;
}

/** Everything else stays as it is, byte for byte. Of several at one place the first comes first. */
export function insert(text: string, insertions: readonly Insertion[]): string {
  return [...insertions].reverse().sort((a, b) => b.at - a.at).reduce((whole, { at, text: added }) => whole.slice(0, at) + added + whole.slice(at), text);
}

/** By the imports, where there are any: they are what is written most alike. */
export function mannerOf(text: string): Manner {
  const lines = text.split(/\r?\n/);
  const imports = lines.filter((line) => /^\s*(?:import\b|(?:const|let|var)\b.*\brequire\()/.test(line));
  const count = (pattern: RegExp, among: readonly string[]): number => among.filter((line) => pattern.test(line)).length;
  const double = count(/["]/, imports.length > 0 ? imports : lines);
  const single = count(/[']/, imports.length > 0 ? imports : lines);
  const with_ = count(/;\s*$/, imports.length > 0 ? imports : lines);
  const without = count(/[\w'")\]}]\s*$/, imports);
  return {
    newline: text.includes('\r\n') ? '\r\n' : '\n', quote: double > single ? '"' : "'", semicolon: without > with_ ? '' : ';', indent: /^(\t| {2,8})\S/m.exec(text)?.[1] ?? '  ',
  };
}

/** Of the line that the offset stands in. */
export function indentAt(text: string, at: number): string {
  const start = text.lastIndexOf('\n', at - 1) + 1;
  return /^[ \t]*/.exec(text.slice(start, at))?.[0] ?? '';
}

/** Space, and comments that end on their line. */
const NO_CODE = /^(?:[^\S\n]|\/\*(?:(?!\*\/).)*\*\/)*(?:\/\/.*)?\s*$/;

/** A statement behind the one that ends at `end`: on a line of its own, or on the same line where more code follows on it, which may be in another block. What stands behind it on the line (a comment) stays there. */
export function statementBehind(text: string, end: number, code: string, { semicolon, newline }: Manner, indent = ''): Insertion {
  const lineBreak = text.indexOf('\n', end);
  const at = lineBreak === -1 ? text.length : lineBreak + 1;
  if (!NO_CODE.test(text.slice(end, at))) return { at: end, text: `${text.charAt(end - 1) === ';' ? '' : ';'} ${code};` };
  const line = `${indent}${code}${semicolon}`;
  return { at, text: lineBreak === -1 ? `${newline}${line}` : `${line}${newline}` };
}
