import type { Writable } from 'node:stream';
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
  return { color: colored, closed: closing(stream), ...methods(createPrinter({ stream, tty: rewritesLines(facts), color: colored })) };
}

const signals = new WeakMap<object, AbortSignal>();

/** Aborts when what is written to is gone: a pipe to `head` that has ended, a terminal that was closed. One signal for each stream. */
export function closing(stream: Pick<Writable, 'once'>): AbortSignal {
  const known = signals.get(stream);
  if (known !== undefined) return known;
  const gone = new AbortController();
  for (const event of ['error', 'close'] as const) stream.once(event, () => gone.abort());
  signals.set(stream, gone.signal);
  return gone.signal;
}

function methods(printer: Omit<Output, 'color'>): Omit<Output, 'color'> {
  return {
    event: (event) => printer.event(event),
    phase: (name, state, ms) => printer.phase(name, state, ms),
    progress: (text) => printer.progress(text),
    line: (text) => printer.line(text),
    error: (error) => printer.error(error),
    end: () => printer.end(),
  };
}

/** For pure JSON: says nothing. */
export function silentOutput(): Output {
  return { color: false, event: () => undefined, phase: () => undefined, progress: () => undefined, line: () => undefined, error: () => undefined, end: () => undefined };
}
