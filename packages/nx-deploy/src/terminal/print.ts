/** Shows a deploy as it goes on. */
import { LinePrinter } from './line-printer.js';
import { LivePrinter } from './live-printer.js';
import type { Printer, PrinterOptions, PrintStream } from './printer.js';

export type { Printer, PrinterOptions, PrintStream } from './printer.js';

/** What is written to is often gone before a deploy ends (a closed terminal, a pipe to `head`); that is no reason to end the deploy. */
const guarded = new WeakSet<PrintStream>();

/** Knows nothing of colour depth or wide characters: all it prints is ASCII. */
export function createPrinter(options: PrinterOptions): Printer {
  const { stream } = options;
  if (!guarded.has(stream)) {
    guarded.add(stream);
    stream.on?.('error', () => undefined);
  }
  return options.tty ? new LivePrinter(options) : new LinePrinter(options);
}
