import { stripVTControlCharacters } from 'node:util';

/** Enough of one line for anybody to read. */
export const LINE_LENGTH = 2_000;

/**
 * Foreign text as one line of printable ASCII: terminal sequences go, a tab becomes a space, every other control character `\n`, `\r` or `\x1b`,
 * everything beyond ASCII `\u{e9}`. At most `length` characters; `...` tells that something was cut.
 */
export function sanitize(text: string, length = LINE_LENGTH): string {
  // Most of it is: the pattern of all terminal sequences alone takes a short command some milliseconds to prepare.
  if (text.length <= length && /^[ -~]*$/.test(text)) return text;
  // A sequence that the cut would break is shown by its parts, which do no harm either.
  const plain = stripVTControlCharacters(text.slice(0, length * 8 + 64));
  let line = '';
  for (const char of plain) {
    line += printable(char);
    if (line.length > length) return `${line.slice(0, Math.max(0, length - 3))}...`.slice(0, length);
  }
  return plain.length < text.length && text.length > length * 8 + 64 ? `${line.slice(0, Math.max(0, length - 3))}...` : line;
}

const NAMED: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': ' ' };

function printable(char: string): string {
  const code = char.codePointAt(0) ?? 0;
  if (code >= 0x20 && code < 0x7f) return char;
  return NAMED[char] ?? (code < 0x80 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`);
}

/** {@link sanitize} for text of several lines, line by line; at most `lines` of them, the last ones, where the reason of a failure stands. */
export function sanitizeLines(text: string, lines = 50): string[] {
  const all = text.split(/\r?\n/);
  if (all.at(-1) === '') all.pop();
  const shown = all.slice(-lines).map((line) => sanitize(line));
  return all.length > shown.length ? [`(${all.length - shown.length} lines before this)`, ...shown] : shown;
}

/** Text of ours, uncut: whatever is not printable ASCII becomes `\u001b`, so that a line of JSON stays the same JSON. */
export function ascii(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** {@link ascii}, but colours stay (SGR sequences of one number, as picocolors writes them): our own, put there by a painter (color.ts). */
export function asciiWithColors(text: string): string {
  const [first = '', ...rest] = text.split('\u001b');
  return ascii(first) + rest.map((part) => {
    const color = /^\[\d{1,2}m/.exec(part)?.[0];
    return color === undefined ? ascii(`\u001b${part}`) : `\u001b${color}${ascii(part.slice(color.length))}`;
  }).join('');
}
