import { printable } from '../result.js';
import type { HistorySummary } from './summary.js';
import { CHECK_TITLES, checkRow, INCIDENT_TITLES, incidentRow, NOTE, periodText } from './texts.js';

/** One file that loads nothing and runs nothing, which its own policy says as well. */
export function htmlReport(title: string, summary: HistorySummary, remark: string | undefined): string {
  const { from, to, incidents, checks } = summary;
  return [
    '<!doctype html>', '<html lang="en">', '<head>', '<meta charset="utf-8">',
    '<meta http-equiv="content-security-policy" content="default-src \'none\'; style-src \'unsafe-inline\'">', '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>Health of ${escape(title)}</title>`, `<style>${STYLE}</style>`, '</head>', '<body>',
    `<h1>Health of ${escape(title)}</h1>`, `<p>${escape(periodText(summary))}</p>`, ...(remark === undefined ? [] : [`<p>${escape(remark)}</p>`]),
    ...rows(CHECK_TITLES, checks.map(checkRow)),
    ...checks.map(({ check }) => timeline(check, incidents.filter((incident) => incident.check === check), from, to)),
    '<h2>Incidents</h2>', ...(incidents.length === 0 ? ['<p>None.</p>'] : rows(INCIDENT_TITLES, incidents.map(incidentRow))), `<p>${escape(NOTE)}</p>`, '</body>', '</html>', '',
  ].join('\n');
}

const STYLE = 'body{font:15px/1.5 system-ui,sans-serif;margin:2rem;color:#1b1b1b;background:#fff}table{border-collapse:collapse;margin:1rem 0}th,td{border:1px solid #ccc;padding:.3rem .6rem;text-align:left;vertical-align:top}th{background:#f2f2f2}svg{display:block;margin:.2rem 0 .8rem}@media(prefers-color-scheme:dark){body{color:#eee;background:#161616}th{background:#262626}th,td{border-color:#444}}';

function rows(titles: readonly string[], cells: readonly (readonly string[])[]): readonly string[] {
  const line = (row: readonly string[], tag: string): string => `<tr>${row.map((text) => `<${tag}>${escape(text)}</${tag}>`).join('')}</tr>`;
  return ['<table>', line(titles, 'th'), ...cells.map((row) => line(row, 'td')), '</table>'];
}

const WIDTH = 900;

/** A bar of the period, in which incidents are dark; what it shows stands in the tables as well. */
function timeline(check: string, incidents: HistorySummary['incidents'], from: number, to: number): string {
  const x = (time: number): number => Math.round(((Math.min(to, Math.max(from, time)) - from) / Math.max(1, to - from)) * WIDTH);
  const dark = incidents.map(({ from: start, ms }) => `<rect x="${x(start)}" y="0" width="${Math.max(2, x(start + ms) - x(start))}" height="12" fill="#b3261e"/>`);
  return `<figure><figcaption>${escape(check)}</figcaption><svg role="img" aria-label="${escape(`${check}: ${incidents.length} incidents`)}" width="${WIDTH}" height="12"><rect width="${WIDTH}" height="12" fill="#4c9a6a"/>${dark.join('')}</svg></figure>`;
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

function escape(text: string): string {
  return printable(text, 500).replace(/[&<>"']/g, (char) => ENTITIES[char] ?? '');
}
