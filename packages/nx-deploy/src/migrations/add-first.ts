/** Adds a property at the beginning of JSON that a person wrote, behind "$schema" where that comes first: every other character stays. */
import { createScanner, findNodeAtLocation, parseTree } from 'jsonc-parser';

/** Kinds of what the scanner finds (`SyntaxKind` of jsonc-parser, which is there for the compiler only). */
const LINE_BREAK: number = 14;
const COMMENTS_AND_SPACES: readonly number[] = [12, 13, 15];

/** The text is a valid JSON object with at least one property, with comments, maybe with a byte order mark. */
export function addFirst(source: string, key: string, value: number | string): string {
  const mark = source.startsWith('\uFEFF') ? 1 : 0;
  const text = source.slice(mark);
  const root = parseTree(text, [], { allowTrailingComma: true });
  const properties = root?.children ?? [];
  const [first] = properties;
  if (root === undefined || first === undefined) throw new TypeError('the text is no object with properties');
  const schema = properties.length > 1 && findNodeAtLocation(root, ['$schema'])?.parent === first ? first : undefined;
  const from = schema === undefined ? root.offset + 1 : afterComma(text, schema.offset + schema.length);
  const added = `${JSON.stringify(key)}: ${JSON.stringify(value)},`;
  const next = schema === undefined ? first : properties[1] ?? first;
  const lineEnd = endOfLine(text, from);
  const lead = text.slice(text.lastIndexOf('\n', next.offset - 1) + 1, next.offset);
  const eol = text.includes('\r\n') ? '\r\n' : '\n';
  const [at, insertion] = lineEnd === undefined ? [from, ` ${added}`] : [lineEnd, `${eol}${/^[ \t]*/.exec(lead)?.[0] ?? ''}${added}`];
  return source.slice(0, mark) + text.slice(0, at) + insertion + text.slice(at);
}

function afterComma(text: string, from: number): number {
  const scanner = createScanner(text, true);
  scanner.setPosition(from);
  scanner.scan();
  return scanner.getTokenOffset() + scanner.getTokenLength();
}

/** Where the line ends on which nothing but comments follows; undefined where something else does. */
function endOfLine(text: string, from: number): number | undefined {
  const scanner = createScanner(text, false);
  scanner.setPosition(from);
  for (;;) {
    const kind: number = scanner.scan();
    if (kind === LINE_BREAK) return scanner.getTokenOffset();
    if (!COMMENTS_AND_SPACES.includes(kind)) return undefined;
  }
}
