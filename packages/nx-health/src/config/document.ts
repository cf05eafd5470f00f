/** JSON with comments, read strictly: every syntax error, every key that stands twice, and the place of each value are known. */
import { findNodeAtLocation, parseTree, printParseErrorCode, type Node, type ParseError } from 'jsonc-parser';
import { printable } from '../result.js';

export type Path = readonly (string | number)[];

export interface Document {
  readonly value: unknown;
  at(path: Path): unknown;
  /** Where it stands, or the nearest around it that does; with `key`, where its key stands. Both from 1. */
  place(path: Path, what: 'key' | 'value'): { readonly line: number; readonly column: number } | undefined;
}

export type Reading = { readonly ok: true; readonly document: Document } | { readonly ok: false; readonly problems: readonly string[] };

/** Bytes. */
export const LARGEST = 1024 ** 2;

export function readDocument(source: string): Reading {
  const text = source.replace(/^\uFEFF/, '');
  if (text.trim() === '') return { ok: false, problems: ['the file: must hold a JSON object, got nothing'] };
  const errors: ParseError[] = [];
  let root: Node | undefined;
  try {
    root = parseTree(text, errors, { allowTrailingComma: true, disallowComments: false });
  } catch {
    return { ok: false, problems: ['the file: is nested too deeply'] };
  }
  const show = (offset: number): string => { const { line, column } = placeIn(text, offset); return `${line}:${column}`; };
  if (root === undefined || errors.length > 0) return { ok: false, problems: errors.map(({ error, offset }) => `the file (${show(offset)}): is not JSON, ${printParseErrorCode(error).replace(/([a-z])([A-Z])/g, '$1 $2').toLowerCase()}`) };
  const twice: string[] = [];
  const value = valueOf(root, [], (path, offset) => twice.push(`${pathText(path)} (${show(offset)}): stands twice`));
  if (twice.length > 0) return { ok: false, problems: twice };
  const known = root;
  return { ok: true, document: { value, at: (path) => at(value, path), place: (path, what) => placeOf(known, path, what, text) } };
}

/** `checks.db.url`; a key of another form in quotes. */
export function pathText(path: Path): string {
  return path.map((part, index) => {
    if (typeof part === 'number') return `[${part}]`;
    if (!/^[A-Za-z_$][\w$-]*$/.test(part)) return `[${printable(JSON.stringify(part), 60)}]`;
    return index === 0 ? part : `.${part}`;
  }).join('');
}

function at(value: unknown, path: Path): unknown {
  return path.reduce<unknown>((inner, key) => (typeof inner === 'object' && inner !== null && Object.hasOwn(inner, key) ? (inner as Readonly<Record<string, unknown>>)[key] : undefined), value);
}

/** `__proto__` is a key like any other. */
function valueOf(node: Node, path: Path, twice: (path: Path, offset: number) => void): unknown {
  if (node.type === 'array') return (node.children ?? []).map((child, index) => valueOf(child, [...path, index], twice));
  if (node.type !== 'object') return node.value as unknown;
  const result: Record<string, unknown> = {};
  for (const { children: [key, value] = [] } of node.children ?? []) {
    if (key === undefined || value === undefined) continue;
    const name = String(key.value);
    if (Object.hasOwn(result, name)) twice([...path, name], key.offset);
    Object.defineProperty(result, name, { value: valueOf(value, [...path, name], twice), enumerable: true, configurable: true, writable: true });
  }
  return result;
}

function placeOf(root: Node, path: Path, what: 'key' | 'value', text: string): ReturnType<Document['place']> {
  const node = findNodeAtLocation(root, [...path]);
  if (node === undefined) return path.length === 0 ? undefined : placeOf(root, path.slice(0, -1), 'key', text);
  const key = node.parent?.type === 'property' ? node.parent.children?.[0] : undefined;
  return placeIn(text, what === 'key' && key !== undefined ? key.offset : node.offset);
}

function placeIn(text: string, offset: number): { readonly line: number; readonly column: number } {
  const before = text.slice(0, offset).split(/\r\n|\r|\n/);
  return { line: before.length, column: (before.at(-1) ?? '').length + 1 };
}
