import { escapeHtml as text } from './escape.js';
import type { Bar } from './report.js';

/** Of the picture's own coordinates, which the page scales. */
const WIDTH = 720;
const ROW = 24;
const LABELS = 220;
const BARS = 320;
const MOST_LETTERS = 32;

function row({ label, value, text: shown, tone }: Bar, index: number, most: number): string {
  const y = index * ROW;
  const length = Math.min(BARS, Math.max(0, (value / most) * BARS));
  // The end of a path tells more than its beginning.
  const letters = [...label];
  const short = letters.length > MOST_LETTERS ? `...${letters.slice(3 - MOST_LETTERS).join('')}` : label;
  return `<g><title>${text(`${label}: ${shown}`)}</title><text x="${LABELS - 8}" y="${y + 16}" text-anchor="end">${text(short)}</text>`
    + `<rect class="track" x="${LABELS}" y="${y + 5}" width="${BARS}" height="14" rx="2"/><rect class="${tone}" x="${LABELS}" y="${y + 5}" width="${length.toFixed(1)}" height="14" rx="2"/>`
    + `<text x="${LABELS + BARS + 8}" y="${y + 16}">${text(shown)}</text></g>`;
}

/** Horizontal bars from 0 to `most`, to stand in HTML. */
export function barChart(title: string, bars: readonly Bar[], most: number): string {
  return `<svg role="img" aria-label="${text(title)}" viewBox="0 0 ${WIDTH} ${bars.length * ROW}" width="${WIDTH}" height="${bars.length * ROW}">${bars.map((bar, index) => row(bar, index, most)).join('')}</svg>`;
}
