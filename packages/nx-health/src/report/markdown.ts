import { printable } from '../result.js';
import type { HistorySummary } from './summary.js';
import { CHECK_TITLES, checkRow, INCIDENT_TITLES, incidentRow, NOTE, periodText } from './texts.js';

export function markdownReport(title: string, summary: HistorySummary, remark: string | undefined): string {
  return [
    `# Health of ${cell(title)}`, '', periodText(summary), '', ...(remark === undefined ? [] : [remark, '']),
    ...rows(CHECK_TITLES, summary.checks.map(checkRow)), '', '## Incidents', '',
    ...(summary.incidents.length === 0 ? ['None.'] : rows(INCIDENT_TITLES, summary.incidents.map(incidentRow))), '', NOTE, '',
  ].join('\n');
}

function rows(titles: readonly string[], cells: readonly (readonly string[])[]): readonly string[] {
  const line = (row: readonly string[]): string => `| ${row.map(cell).join(' | ')} |`;
  return [line(titles), `|${'---|'.repeat(titles.length)}`, ...cells.map(line)];
}

/** Foreign text as text: nothing of it is markup, a link or HTML. */
function cell(text: string): string {
  return printable(text, 300).replace(/[\\`*_{}[\]()<>#+!|~&]/g, (char) => `\\${char}`).replace(/:\/\//g, ':\\/\\/');
}
