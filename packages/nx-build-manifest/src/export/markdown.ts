import { escapeMarkdown as text } from './escape.js';
import type { Block, Report } from './report.js';

function tableOf(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(text).join(' | ')} |`;
  return [line(head), `|${' --- |'.repeat(head.length)}`, ...rows.map(line)].join('\n');
}

function block(one: Block): string {
  switch (one.kind) {
    case 'note': return text(one.text);
    case 'facts': return tableOf(['fact', 'value'], one.rows);
    case 'table': return `### ${text(one.title)}\n\n${tableOf(one.head, one.rows)}`;
    case 'chart': return `### ${text(one.title)}\n\n${tableOf(['', 'value'], one.bars.map((bar) => [bar.label, bar.text]))}`;
  }
}

/** GitHub Flavored Markdown, plain ASCII; charts are tables. */
export function markdownOf({ title, sections }: Report): string {
  return `${[`# ${text(title)}`, ...sections.flatMap((section) => [`## ${text(section.title)}`, ...section.blocks.map(block)])].join('\n\n')}\n`;
}
