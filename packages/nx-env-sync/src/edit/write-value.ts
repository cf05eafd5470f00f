import type { Quote } from './statements.js';

/** How a value was written before, which is kept where it can be. */
export interface Style {
  readonly quote: Quote;
  /** Line ends in double quotes: as `\n` rather than as they are. */
  readonly escaped: boolean;
  /** What a line ends with in this file. */
  readonly lineEnd: string;
}

/** A way to write a value. `frail`: right only because of what follows it, so the last choice. */
interface Writing { readonly text: string; readonly frail: boolean }

const QUOTES: readonly Quote[] = ['', "'", '"', '`'];

/** Without quotes: one line, no white space at its ends, nothing that begins a comment or a quoted value. */
function bare(value: string): Writing[] {
  return /^[\s'"`]|\s$|[#\n\r\u2028\u2029]/.test(value) ? [] : [{ text: value, frail: false }];
}

/** A closing quote within the value, or a backslash before the one at its end, can be read in two ways. */
function isFrail(value: string, quote: string): boolean {
  return value.includes(quote) || value.endsWith('\\');
}

function quoted(value: string, quote: string, lineEnd: string): Writing[] {
  if (value.includes('\r')) return [];
  return [{ text: `${quote}${value.replaceAll('\n', lineEnd)}${quote}`, frail: isFrail(value, quote) }];
}

/** Double quotes: the only ones in which a carriage return can be written, and those that cannot hold `\n` as two characters. */
function doubleQuoted(value: string, { escaped, lineEnd }: Style): Writing[] {
  if (/\\[nr]/.test(value)) return [];
  const frail = isFrail(value, '"');
  const text = value.replaceAll('\r', '\\r');
  const lineEnds = escaped ? ['\\n', lineEnd] : [lineEnd, '\\n'];
  return (value.includes('\n') ? lineEnds : ['']).map((end) => ({ text: `"${text.replaceAll('\n', end)}"`, frail }));
}

function inQuotes(value: string, quote: Quote, style: Style): Writing[] {
  if (quote === '') return bare(value);
  return quote === '"' ? doubleQuoted(value, style) : quoted(value, quote, style.lineEnd);
}

/** The texts that can stand for the value, the best first. Whether one does depends on what stands around it as well. */
export function writingsOf(value: string, style: Style): string[] {
  const order = [style.quote, ...QUOTES.filter((quote) => quote !== style.quote)];
  const all = order.flatMap((quote) => inQuotes(value, quote, style));
  return [...all.filter(({ frail }) => !frail), ...all.filter(({ frail }) => frail)].map(({ text }) => text);
}

/** For a key that is new: without quotes what every shell and every reader takes as it is. */
export function styleOfNew(value: string, lineEnd: string): Style {
  return { quote: /^[\w.,:/@%+=-]*$/.test(value) ? '' : "'", escaped: true, lineEnd };
}
