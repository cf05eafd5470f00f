export { painter, rewritesLines, usesColor, type Paint, type Style, type TerminalFacts } from './color.js';
export { createPrinter, type Printer, type PrinterOptions, type PrintStream } from './print.js';
export { sanitize, sanitizeLines } from './sanitize.js';
export { formatBytes, renderSummary, type Summary } from './summary.js';
export { table, type Column } from './table.js';
