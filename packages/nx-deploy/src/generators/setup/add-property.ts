/** Adds a property to JSON that a person wrote: every other character stays (jsonc-parser's own edits reformat the neighbours and move comments). */
import { createScanner, findNodeAtLocation, parseTree } from 'jsonc-parser';

/** `at` leads to an object with at least one property; the text is valid JSON with comments, maybe with a byte order mark. */
export function addProperty(source: string, at: readonly string[], key: string, value: object): string {
  const mark = source.startsWith('\uFEFF') ? 1 : 0;
  const text = source.slice(mark);
  const root = parseTree(text, [], { allowTrailingComma: true });
  const object = root === undefined ? undefined : findNodeAtLocation(root, [...at]);
  const last = object?.children?.at(-1);
  if (object === undefined || last === undefined) throw new TypeError(`${at.join('.')} is no object with properties`);
  const closing = object.offset + object.length - 1;
  const lastEnd = last.offset + last.length;
  const between = text.slice(lastEnd, closing);
  const comma = hasComma(between);
  const insertAt = closing - (between.length - between.trimEnd().length);
  const ownLine = endsInLineComment(text.slice(lastEnd, insertAt));
  const addition = placed(text, { last: last.offset, closing, ownLine }, `${JSON.stringify(key)}: `, value) + (comma ? ',' : '');
  return source.slice(0, mark) + text.slice(0, lastEnd) + (comma ? '' : ',') + text.slice(lastEnd, insertAt) + addition + text.slice(insertAt);
}

interface Place {
  /** Offsets of the last property and of the bracket that closes the object. */
  readonly last: number;
  readonly closing: number;
  /** What stands before it would swallow it. */
  readonly ownLine: boolean;
}

/** On a line of its own where the last property has one, else behind it. */
function placed(text: string, { last, closing, ownLine }: Place, key: string, value: object): string {
  const lead = leading(text, last);
  const end = leading(text, closing);
  const eol = text.includes('\r\n') ? '\r\n' : '\n';
  if (lead === undefined || end === undefined) return `${ownLine ? `${eol}${end ?? ''} ` : ''} ${key}${JSON.stringify(value, null, 1).replace(/\n */g, ' ')}`;
  const step = lead.startsWith(end) && lead.length > end.length ? lead.slice(end.length) : '  ';
  return eol + lead + key + JSON.stringify(value, null, step).replaceAll('\n', eol + lead);
}

/** The space before an offset when nothing else stands before it on its line. */
function leading(text: string, offset: number): string | undefined {
  const line = text.slice(text.lastIndexOf('\n', offset - 1) + 1, offset);
  return offset > line.length && line.trim() === '' ? line : undefined;
}

/** A comma that is not part of a comment. */
function hasComma(text: string): boolean {
  const scanner = createScanner(text, true);
  scanner.scan();
  return scanner.getTokenLength() > 0 && text.charAt(scanner.getTokenOffset()) === ',';
}

function endsInLineComment(text: string): boolean {
  const scanner = createScanner(text, false);
  let last = '';
  for (scanner.scan(); scanner.getTokenLength() > 0; scanner.scan()) last = text.slice(scanner.getTokenOffset(), scanner.getTokenOffset() + 2);
  return last === '//';
}
