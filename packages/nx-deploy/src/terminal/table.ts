import { sanitize } from './sanitize.js';

export interface Column {
  readonly title: string;
  /** Numbers read better on the right. Default `left`. */
  readonly align?: 'left' | 'right';
}

const CELL_LENGTH = 120;

/** Lines of a table in plain ASCII: titles, a rule of dashes, one line a row, two spaces between the columns, none at the end. Cells are made printable. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[]): string[] {
  const cells = rows.map((row) => columns.map((_column, index) => sanitize(row[index] ?? '', CELL_LENGTH)));
  const widths = columns.map(({ title }, index) => Math.max(title.length, ...cells.map((row) => row[index]?.length ?? 0)));
  const line = (row: readonly string[]): string => columns
    .map(({ align }, index) => (align === 'right' ? (row[index] ?? '').padStart(widths[index] ?? 0) : (row[index] ?? '').padEnd(widths[index] ?? 0)))
    .join('  ').trimEnd();
  return [line(columns.map(({ title }) => title)), line(widths.map((width) => '-'.repeat(width))), ...cells.map(line)];
}
