/** JSON with comments, read strictly: every syntax error, duplicate key and place in the text is known. */
import { createScanner, findNodeAtLocation, parseTree, printParseErrorCode } from 'jsonc-parser';
import type { Node, ParseError } from 'jsonc-parser';

export type Path = readonly (string | number)[];

export interface Place {
  /** Both from 1. */
  readonly line: number;
  readonly column: number;
}

export interface Document {
  readonly value: unknown;
  /** Where the value of a path stands, or the nearest parent that exists; with `key`, where its key stands. */
  place(path: Path, what?: 'key' | 'value'): Place | undefined;
}

export type Reading = { readonly ok: true; readonly document: Document } | { readonly ok: false; readonly problems: readonly string[] };

/** Nobody nests a description deeper; the parser is recursive and would run out of stack far beyond. */
const DEEPEST = 64;
/** Bytes; the parser holds some fifty times as much in memory. */
export const LARGEST = 1024 ** 2;

/** Reads text with comments, trailing commas and a byte order mark. */
export function readDocument(source: string): Reading {
  const text = source.replace(/^\uFEFF/, '');
  const place = placer(text);
  const bytes = Buffer.byteLength(source);
  if (bytes > LARGEST) return refuse(tooLarge(bytes));
  if (text.trim() === '') return refuse('must hold a JSON object, got an empty file');
  const deep = tooDeep(text);
  if (deep !== undefined) return refuse(`${show(place(deep))}: must be nested at most ${DEEPEST} levels deep`);
  const errors: ParseError[] = [];
  const root = parseTree(text, errors, { allowTrailingComma: true, disallowComments: false });
  const syntax = errors.map((error) => `${show(place(error.offset))}: is not JSON, ${spaced(printParseErrorCode(error.error))}`);
  if (root === undefined || syntax.length > 0) return { ok: false, problems: syntax };
  const repeated: string[] = [];
  const value = valueOf(root, [], (path, node) => repeated.push(`${pathText(path)} (${show(place(node.offset))}): stands twice`));
  if (repeated.length > 0) return { ok: false, problems: repeated };
  return { ok: true, document: { value, place: (path, what) => placeOf(root, path, what ?? 'value', place) } };
}

/** The problem of a file with that many bytes. */
export function tooLarge(bytes: number): string {
  return `must be at most 1 MiB (${LARGEST} bytes), got ${bytes} bytes`;
}

function refuse(problem: string): Reading {
  return { ok: false, problems: [problem] };
}

function show({ line, column }: Place): string {
  return `${line}:${column}`;
}

/** `environments.staging.hooks.preDeploy[0]`; a key of another form in quotes: `environments["a b"]`. Plain ASCII. */
export function pathText(path: Path): string {
  return path.map((part, index) => {
    if (typeof part === 'number') return `[${part}]`;
    if (!/^[A-Za-z_$][\w$-]*$/.test(part)) return `[${quoted(part)}]`;
    return index === 0 ? part : `.${part}`;
  }).join('');
}

/** A JSON string of printable ASCII, cut to 60 characters. */
export function quoted(text: string): string {
  const cut = text.length > 60 ? `${text.slice(0, 57)}...` : text;
  return JSON.stringify(cut).replace(/[^ -~]/g, (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** `PropertyNameExpected` as words: `property name expected`. */
function spaced(code: string): string {
  return code.replace(/([a-z])([A-Z])/g, '$1 $2').toLowerCase();
}

/** The lines are found once, when first asked for: a file may have many problems. */
function placer(text: string): (offset: number) => Place {
  let starts: readonly number[] | undefined;
  return (offset) => {
    starts ??= [0, ...[...text.matchAll(/\r\n|\r|\n/g)].map((end) => end.index + end[0].length)];
    let low = 0;
    let high = starts.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle;
    }
    return { line: low + 1, column: offset - (starts[low] ?? 0) + 1 };
  };
}

/** The offset of the first bracket that nests too deep. */
function tooDeep(text: string): number | undefined {
  const scanner = createScanner(text, true);
  let depth = 0;
  // The scanner makes no progress at the end of the text, and its token there has no length.
  for (scanner.scan(); scanner.getTokenLength() > 0; scanner.scan()) {
    const token = text.charAt(scanner.getTokenOffset());
    if (token === '{' || token === '[') depth += 1;
    if (token === '}' || token === ']') depth -= 1;
    if (depth > DEEPEST) return scanner.getTokenOffset();
  }
  return undefined;
}

/** The plain value; `__proto__` is a key like any other (and refused later: as an unknown key, or as a bad name). */
function valueOf(node: Node, path: Path, repeated: (path: Path, node: Node) => void): unknown {
  if (node.type === 'array') return (node.children ?? []).map((child, index) => valueOf(child, [...path, index], repeated));
  if (node.type !== 'object') return node.value as unknown;
  const result: Record<string, unknown> = {};
  for (const { children = [] } of node.children ?? []) {
    const [key, value] = children;
    if (key === undefined || value === undefined) continue;
    const name = String(key.value);
    const inner = [...path, name];
    if (Object.hasOwn(result, name)) repeated(inner, key);
    Object.defineProperty(result, name, { value: valueOf(value, inner, repeated), enumerable: true, configurable: true, writable: true });
  }
  return result;
}

function placeOf(root: Node, path: Path, what: 'key' | 'value', place: (offset: number) => Place): Place | undefined {
  const node = findNodeAtLocation(root, [...path]);
  if (node === undefined) return path.length === 0 ? undefined : placeOf(root, path.slice(0, -1), 'key', place);
  const key = node.parent?.type === 'property' ? node.parent.children?.[0] : undefined;
  return place(what === 'key' && key !== undefined ? key.offset : node.offset);
}
