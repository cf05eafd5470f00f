import { createPrinter, rewritesLines, usesColor } from '../terminal/index.js';
import type { Output } from './output.js';

export interface TerminalOptions {
  /** The `color` option, where the user gave one. */
  readonly color: boolean | undefined;
  readonly variables: NodeJS.ProcessEnv;
}

/** Prints to stdout, errors too, so that what happened stands in one order. */
export function terminalOutput({ color, variables }: TerminalOptions): Output {
  const stream = process.stdout;
  // Undefined where it is no terminal, whatever its type says; and colour that is undefined is whatever FORCE_COLOR says.
  const facts = { isTTY: stream.isTTY ?? false, env: variables, ...(color === undefined ? {} : { color }) };
  const colored = usesColor(facts);
  return { color: colored, ...methods(createPrinter({ stream, tty: rewritesLines(facts), color: colored })) };
}

function methods(printer: Omit<Output, 'color'>): Omit<Output, 'color'> {
  return {
    event: (event) => printer.event(event),
    line: (text) => printer.line(text),
    error: (error) => printer.error(error),
    end: () => printer.end(),
  };
}

/** For pure JSON: says nothing. */
export function silentOutput(): Output {
  return { color: false, event: () => undefined, line: () => undefined, error: () => undefined, end: () => undefined };
}
