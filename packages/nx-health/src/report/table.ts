import { printable } from '../result.js';

const CELL = 120;

/** Lines of plain ASCII: titles, a rule of dashes, one line a row. Columns whose title begins with `>` stand right, without it. */
export function table(titles: readonly string[], rows: readonly (readonly string[])[], cell = CELL): readonly string[] {
  const names = titles.map((title) => title.replace(/^>/, ''));
  const cells = rows.map((row) => names.map((_, column) => printable(row[column] ?? '', cell)));
  const widths = names.map((name, column) => Math.max(name.length, ...cells.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string => row.map((text, column) => (titles[column]?.startsWith('>') === true ? text.padStart(widths[column] ?? 0) : text.padEnd(widths[column] ?? 0))).join('  ').trimEnd();
  return [line(names), widths.map((width) => '-'.repeat(width)).join('  '), ...cells.map(line)];
}
