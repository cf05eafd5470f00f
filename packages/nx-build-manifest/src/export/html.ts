import { escapeHtml as text } from './escape.js';
import type { Block, Report } from './report.js';
import { barChart } from './svg.js';

const STYLE = `
:root { color-scheme: light dark; --good: #1a7f37; --bad: #cf222e; --warning: #bf8700; --plain: #57789b; --line: #8886; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; }
h1, h2, h3 { line-height: 1.25; } h2 { border-bottom: 1px solid var(--line); margin-top: 2.5rem; padding-bottom: .25rem; }
table { border-collapse: collapse; display: block; max-width: 100%; overflow-x: auto; } th, td { border: 1px solid var(--line); overflow-wrap: anywhere; padding: .2rem .6rem; text-align: left; }
p.good, p.bad, p.warning { border-left: 4px solid; padding-left: .75rem; } p.good { border-color: var(--good); } p.bad { border-color: var(--bad); } p.warning { border-color: var(--warning); }
svg { height: auto; max-width: 100%; } svg text { fill: currentColor; font-size: 12px; } .track { fill: #8882; }
rect.good { fill: var(--good); } rect.bad { fill: var(--bad); } rect.warning { fill: var(--warning); } rect.plain { fill: var(--plain); }
`;

const cells = (tag: 'th' | 'td', row: readonly string[]): string => `<tr>${row.map((cell) => `<${tag}>${text(cell)}</${tag}>`).join('')}</tr>`;

function block(one: Block): string {
  switch (one.kind) {
    case 'note': return `<p class="${one.tone}">${text(one.text)}</p>`;
    case 'facts': return `<table>${one.rows.map(([name, value]) => `<tr><th>${text(name)}</th><td>${text(value)}</td></tr>`).join('\n')}</table>`;
    case 'table': {
      const table = `<table><thead>${cells('th', one.head)}</thead><tbody>\n${one.rows.map((row) => cells('td', row)).join('\n')}\n</tbody></table>`;
      return one.folded === true ? `<details><summary>${text(`${one.title}: ${one.rows.length}`)}</summary>${table}</details>` : `<h3>${text(one.title)}</h3>${table}`;
    }
    case 'chart': return `<h3>${text(one.title)}</h3>${barChart(one.title, one.bars, one.most)}`;
  }
}

/** One file of plain ASCII that needs no script and loads nothing, and whose policy forbids both. */
export function htmlOf({ title, sections }: Report): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${text(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${text(title)}</h1>
${sections.map((section) => `<section>\n<h2>${text(section.title)}</h2>\n${section.blocks.map(block).join('\n')}\n</section>`).join('\n')}
</body>
</html>
`;
}
