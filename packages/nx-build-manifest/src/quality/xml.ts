/**
 * A strict reader for XML 1.0 reports (JUnit, Cobertura): elements and attributes, no text. What makes XML dangerous is refused: an internal subset of a
 * document type, and with it every entity of one's own; nothing outside of the text is ever read.
 */

export interface XmlElement {
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
}

export interface XmlVisitor {
  /** @param depth 0 for the root */
  open(element: XmlElement, depth: number): void;
  close?(name: string, depth: number): void;
}

export const MOST_DEPTH = 100;
const MOST_ATTRIBUTES = 200;
const NAME = /[A-Za-z_:\u0080-\uffff][\w:.\-\u0080-\uffff]{0,255}/y;
const SPACE = /[ \t\r\n]*/y;
const REFERENCE = /&(?:(amp|lt|gt|quot|apos)|#(\d{1,7})|#x([0-9a-fA-F]{1,6}));/g;
/** An ampersand that begins none of these. */
const STRAY = /&(?!(?:amp|lt|gt|quot|apos|#\d{1,7}|#x[0-9a-fA-F]{1,6});)/;
const PREDEFINED: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

class Reader {
  at = 0;
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  fail(what: string, at = this.at): never {
    throw new Error(`line ${this.text.slice(0, at).split('\n').length}: ${what}`);
  }

  starts(what: string): boolean {
    return this.text.startsWith(what, this.at);
  }

  /** Moves behind `end`; what stands before it. */
  until(end: string, what: string): string {
    const found = this.text.indexOf(end, this.at);
    if (found < 0) this.fail(`${what} has no end`);
    const passed = this.text.slice(this.at, found);
    this.at = found + end.length;
    return passed;
  }

  match(pattern: RegExp): string {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0] ?? '';
    this.at += found.length;
    return found;
  }

  name(): string {
    return this.match(NAME) || this.fail('a name is missing');
  }

  decode(value: string): string {
    if (!value.includes('&')) return value;
    if (STRAY.test(value)) this.fail('an entity other than amp, lt, gt, quot and apos is not read');
    return value.replace(REFERENCE, (_, named: string | undefined, decimal: string | undefined, hexadecimal: string | undefined) => {
      if (named !== undefined) return PREDEFINED[named] ?? '';
      const code = decimal === undefined ? parseInt(hexadecimal ?? '', 16) : parseInt(decimal, 10);
      return code > 0x10ffff ? this.fail('a character reference is out of range') : String.fromCodePoint(code);
    });
  }

  attributes(): ReadonlyMap<string, string> {
    const attributes = new Map<string, string>();
    for (;;) {
      const space = this.match(SPACE);
      if (this.starts('>') || this.starts('/>')) return attributes;
      if (space === '') this.fail('attributes must be apart from what stands before');
      const name = this.name();
      this.match(SPACE);
      if (!this.starts('=')) this.fail(`attribute ${name} has no value`);
      this.at += 1;
      this.match(SPACE);
      const quote = this.text.charAt(this.at);
      if (quote !== '"' && quote !== "'") this.fail(`the value of attribute ${name} must be quoted`);
      this.at += 1;
      const value = this.until(quote, `the value of attribute ${name}`);
      if (value.includes('<')) this.fail(`the value of attribute ${name} must not hold "<"`);
      if (attributes.has(name)) this.fail(`attribute ${name} stands twice`);
      if (attributes.size >= MOST_ATTRIBUTES) this.fail(`an element has more than ${MOST_ATTRIBUTES} attributes`);
      attributes.set(name, this.decode(value));
    }
  }
}

/** Comments, instructions, CDATA and the document type; false when something else stands there. */
function skipped(reader: Reader, open: readonly string[]): boolean {
  if (reader.starts('<!--')) reader.until('-->', 'a comment');
  else if (reader.starts('<?')) instruction(reader);
  else if (open.length > 0 && reader.starts('<![CDATA[')) reader.until(']]>', 'a CDATA section');
  else if (open.length === 0 && reader.starts('<!DOCTYPE')) {
    if (reader.until('>', 'the document type').includes('[')) reader.fail('a document type with declarations of its own is not read, for it may define entities');
  } else return false;
  return true;
}

function instruction(reader: Reader): void {
  const encoding = /^<\?xml\s.*encoding\s*=\s*["']([^"']*)["']/s.exec(reader.until('?>', 'an instruction'))?.[1] ?? 'utf-8';
  if (!/^(?:utf-?8|us-ascii)$/i.test(encoding)) reader.fail(`the encoding ${encoding} is not read, only UTF-8`);
}

function element(reader: Reader, open: string[], visitor: XmlVisitor): void {
  reader.at += 1;
  const name = reader.name();
  if (open.length >= MOST_DEPTH) reader.fail(`elements lie more than ${MOST_DEPTH} deep`);
  visitor.open({ name, attributes: reader.attributes() }, open.length);
  if (reader.starts('/>')) {
    reader.at += 2;
    visitor.close?.(name, open.length);
  } else {
    reader.at += 1;
    open.push(name);
  }
}

function closing(reader: Reader, open: string[], visitor: XmlVisitor): void {
  reader.at += 2;
  const name = reader.name();
  reader.match(SPACE);
  if (!reader.starts('>')) reader.fail(`the end of ${name} is not closed`);
  reader.at += 1;
  const expected = open.pop();
  if (expected !== name) reader.fail(expected === undefined ? `${name} ends but never began` : `${expected} must end before ${name} does`);
  visitor.close?.(name, open.length);
}

/**
 * Tells the visitor of every element, in the order of the text.
 * @throws Error with the line when the text is not well-formed, uses what is refused, or lies too deep
 */
export function readXml(text: string, visitor: XmlVisitor): void {
  const reader = new Reader(text);
  const open: string[] = [];
  let roots = 0;
  while (reader.at < text.length) {
    if (!reader.starts('<')) {
      const found = text.indexOf('<', reader.at);
      const between = text.slice(reader.at, found < 0 ? text.length : found);
      if (open.length === 0 && between.trim() !== '') reader.fail('text stands outside of the root element');
      if (STRAY.test(between)) reader.fail('an entity other than amp, lt, gt, quot and apos is not read');
      reader.at += between.length;
    } else if (!skipped(reader, open)) {
      if (reader.starts('</')) closing(reader, open, visitor);
      else if (open.length === 0 && roots++ > 0) reader.fail('there is more than one root element');
      else element(reader, open, visitor);
    }
  }
  const [left] = open;
  if (left !== undefined) reader.fail(`the text ends within ${left}`);
  if (roots === 0) reader.fail('there is no element');
}
