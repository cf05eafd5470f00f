/** Puts members into JSON that a person wrote, and touches nothing else: comments, spaces and line ends stay. */
import { createScanner, findNodeAtLocation, parseTree, type Node } from 'jsonc-parser';

/** A member as it is written, without what stands between it and the others: `"KEY": {}`, or an element of a list. */
interface Insertion {
  readonly text: string;
  /** The object or list that gets them. */
  readonly node: Node;
  readonly members: readonly string[];
}

/** Adds members to the object that stands there, which may be missing itself. `path` leads from the root, which is an object. */
export function insertMembers(text: string, path: string, members: ReadonlyMap<string, unknown>): string {
  if (members.size === 0) return text;
  const { unit, lineEnd } = styleOf(text);
  const node = nodeAt(text, path);
  if (node === undefined) return insertMembers(text, '', new Map([[path, Object.fromEntries(members)]]));
  const written = [...members].map(([key, value]) => `${JSON.stringify(key)}: ${JSON.stringify(value, null, unit).replaceAll('\n', lineEnd)}`);
  return insert({ text, node, members: written });
}

/** The same for a list. */
export function appendElements(text: string, path: string, elements: readonly string[]): string {
  if (elements.length === 0) return text;
  const node = nodeAt(text, path);
  return node === undefined ? insertMembers(text, '', new Map([[path, elements]])) : insert({ text, node, members: elements.map((element) => JSON.stringify(element)) });
}

function nodeAt(text: string, path: string): Node | undefined {
  const root = parseTree(text, [], { allowTrailingComma: true });
  return root === undefined || path === '' ? root : findNodeAtLocation(root, [path]);
}

function insert({ text, node, members }: Insertion): string {
  const { unit, lineEnd } = styleOf(text);
  const close = node.offset + node.length - 1;
  const last = node.children?.at(-1);
  // A short list stays in its line.
  if (node.type === 'array' && !text.slice(node.offset, close).includes('\n')) {
    const at = last === undefined ? node.offset + 1 : last.offset + last.length;
    return `${text.slice(0, at)}${last === undefined ? '' : ', '}${members.join(', ')}${text.slice(at)}`;
  }
  const outer = indentAt(text, node.offset);
  const inner = last === undefined || !isFirstInLine(text, last.offset) ? `${outer}${unit}` : indentAt(text, last.offset);
  const lines = members.map((member) => `${lineEnd}${inner}${member.replaceAll('\n', `\n${inner}`)}`).join(',');
  const end = close - (/\s*$/.exec(text.slice(0, close))?.[0].length ?? 0);
  const behind = text.slice(end, close);
  const tail = behind.includes('\n') ? behind : `${lineEnd}${outer}`;
  if (last === undefined) return `${text.slice(0, end)}${lines}${tail}${text.slice(close)}`;
  const after = last.offset + last.length;
  const comma = hasComma(text.slice(after, close)) ? '' : ',';
  return `${text.slice(0, after)}${comma}${text.slice(after, end)}${lines}${tail}${text.slice(close)}`;
}

/** One that is no part of a comment. */
function hasComma(text: string): boolean {
  const scanner = createScanner(text, true);
  scanner.scan();
  return text[scanner.getTokenOffset()] === ',';
}

function lineStart(text: string, offset: number): number {
  return text.lastIndexOf('\n', offset - 1) + 1;
}

function indentAt(text: string, offset: number): string {
  return /^[ \t]*/.exec(text.slice(lineStart(text, offset)))?.[0] ?? '';
}

function isFirstInLine(text: string, offset: number): boolean {
  return text.slice(lineStart(text, offset), offset).trim() === '';
}

/** As the file has it. */
function styleOf(text: string): { readonly unit: string; readonly lineEnd: string } {
  return { unit: /\n([ \t]+)\S/.exec(text)?.[1] ?? '  ', lineEnd: text.includes('\r\n') ? '\r\n' : '\n' };
}
