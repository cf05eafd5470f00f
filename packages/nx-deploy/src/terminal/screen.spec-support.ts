const SEQUENCE = `${String.fromCharCode(27)}\\[(\\d*)([A-Za-z])`;
const PARTS = new RegExp(`${SEQUENCE}|[^]`, 'g');
const WHOLE = new RegExp(`^${SEQUENCE}$`);

/** A terminal that is only as clever as the plainest one: it writes over, wraps, scrolls, and keeps what has left it at the top. For tests only. */
export class Screen {
  /** All that was written, as it came. */
  written = '';
  /** Lines that a long one was broken into. */
  wraps = 0;
  private readonly lines: string[][] = [[]];
  private row = 0;
  private column = 0;

  /** 0 rows: it does not know how many it has, which are 24. */
  constructor(public columns = 80, readonly rows = 24) {}

  write(text: string): void {
    this.written += text;
    for (const part of text.match(PARTS) ?? []) this.take(part);
  }

  /** Made narrower, a line that is too long is cut, as xterm does it. */
  resize(columns: number): void {
    this.columns = columns;
    for (const line of this.lines) line.splice(columns);
    this.column = Math.min(this.column, columns - 1);
  }

  /** Every line, also those that have left the screen, without spaces at the end. */
  get text(): readonly string[] {
    return this.lines.map((line) => Array.from(line, (char) => char ?? ' ').join('').trimEnd());
  }

  private take(part: string): void {
    const [, number = '', letter = ''] = WHOLE.exec(part) ?? [];
    if (letter === 'A') this.row = Math.max(this.top, this.row - Number(number || '1'));
    else if (letter === 'K') this.line().splice(this.column);
    else if (letter === 'J') {
      this.line().splice(this.column);
      this.lines.splice(this.row + 1);
    } else if (letter === 'm') return;
    else if (letter !== '') throw new Error(`an unknown sequence: ${JSON.stringify(part)}`);
    else if (part === '\r') this.column = 0;
    else if (part === '\n') this.feed();
    else this.put(part);
  }

  private put(char: string): void {
    if (this.column >= this.columns) {
      this.wraps += 1;
      this.feed();
    }
    this.line()[this.column] = char;
    this.column += 1;
  }

  /** A terminal goes to the first column as well: its driver makes CR LF of an LF. */
  private feed(): void {
    this.row += 1;
    this.column = 0;
    while (this.lines.length <= this.row) this.lines.push([]);
  }

  private line(): string[] {
    return this.lines[this.row] ?? [];
  }

  /** What is above has left the screen and cannot be reached. */
  private get top(): number {
    return Math.max(0, this.lines.length - (this.rows === 0 ? 24 : this.rows));
  }
}
