import { EnvSyncError } from '../errors.js';

export type Quote = '' | '"' | "'" | '`';

/** One assignment as it stands in the text. Offsets are of the text itself, line ends as they are. */
export interface Statement {
  readonly key: string;
  /** What dotenv makes of it. */
  readonly value: string;
  readonly quote: Quote;
  /** The value as it is written, quotes included. */
  readonly raw: string;
  readonly keyAt: number;
  /** Where `raw` begins and ends; the same place for an empty value: right behind the separator. */
  readonly from: number;
  readonly to: number;
  readonly separator: '=' | ':';
  /** First and last line, counted from 1; the key stands in the first. */
  readonly line: number;
  readonly lastLine: number;
}

/**
 * dotenv 18's own pattern of an assignment, from the first character that is not white space on. White space before it
 * is skipped apart: together with the pattern it would take time by the square of the length of the white space.
 */
const ASSIGNMENT = /((?:export\s+)?([\w.-]+)(?:\s*=\s*?|:\s+?))(\s*'(?:\\'|[^'])*'|\s*"(?:\\"|[^"])*"|\s*`(?:\\`|[^`])*`|[^#\r\n]+)?\s*(?:#.*)?$/my;
/** What `^` and `$` of a pattern take for the end of a line. */
export const LINE_END = /[\n\r\u2028\u2029]/;

/** The steps of dotenv's parser from what is written to the value. */
function valueOf(raw: string): string {
  const value = raw.replace(/^(['"`])([\s\S]*)\1$/mg, '$2');
  return raw.startsWith('"') ? value.replace(/\\n/g, '\n').replace(/\\r/g, '\r') : value;
}

function quoteOf(raw: string): Quote {
  const first = raw[0];
  const quoted = (first === '"' || first === "'" || first === '`') && raw.length > 1 && raw.endsWith(first);
  return quoted ? first : '';
}

/** dotenv reads every line end as `\n`; `at` leads from an offset in what it reads to one in the text. */
function normalise(text: string): { source: string; at: (offset: number) => number } {
  if (!text.includes('\r')) return { source: text, at: (offset) => offset };
  const places = new Uint32Array(text.length + 1);
  let length = 0;
  for (let place = 0; place < text.length; place += 1) {
    places[length] = place;
    length += 1;
    if (text[place] === '\r' && text[place + 1] === '\n') place += 1;
  }
  places[length] = text.length;
  return { source: text.replace(/\r\n?/g, '\n'), at: (offset) => places[offset] ?? text.length };
}

/** Offset of the first line that begins at `from` or later, or -1. */
function nextLine(source: string, from: number): number {
  if (from === 0 || LINE_END.test(source[from - 1] ?? '')) return from;
  const rest = /[\n\r\u2028\u2029]/g;
  rest.lastIndex = from;
  const end = rest.exec(source);
  return end === null ? -1 : end.index + 1;
}

function match(source: string, from: number): RegExpExecArray | null {
  ASSIGNMENT.lastIndex = from;
  try {
    return ASSIGNMENT.exec(source);
  } catch {
    // The pattern needs a stack as deep as a quoted value is long.
    throw new EnvSyncError('refused', { what: 'the environment file holds a quoted value that is too long to be read' });
  }
}

/** All assignments that dotenv finds in the text, in order. Of a key that stands several times dotenv takes the last. */
export function scan(text: string): Statement[] {
  const { source, at } = normalise(text);
  const found: Statement[] = [];
  const word = /\S/g;
  let lines = { offset: 0, line: 1 };
  const lineAt = (offset: number): number => {
    let { line } = lines;
    for (let end = source.indexOf('\n', lines.offset); end !== -1 && end < offset; end = source.indexOf('\n', end + 1)) line += 1;
    lines = { offset, line };
    return line;
  };
  for (let start = 0; start !== -1;) {
    word.lastIndex = start;
    const first = word.exec(source);
    if (first === null) break;
    const assignment = match(source, first.index);
    if (assignment === null) {
      start = nextLine(source, first.index + 1);
      continue;
    }
    const [whole, head = '', key = '', spaced = ''] = assignment;
    const raw = spaced.trim();
    const separated = head.trimEnd().length;
    const from = first.index + (raw === '' ? separated : head.length + spaced.length - spaced.trimStart().length);
    const keyAt = first.index + (head.length - head.replace(/^export\s+(?=[\w.-])/, '').length);
    const line = lineAt(keyAt);
    found.push({
      key, raw, line, value: valueOf(raw), quote: quoteOf(raw), keyAt: at(keyAt), from: at(from), to: at(from + raw.length),
      separator: head[separated - 1] === ':' ? ':' : '=', lastLine: lineAt(from + raw.length),
    });
    start = nextLine(source, first.index + whole.length);
  }
  return found;
}
