import pc from 'picocolors';

export type Style = 'plain' | 'good' | 'bad' | 'warn' | 'dim' | 'strong';
export type Paint = (style: Style, text: string) => string;
/** A piece of a line. */
export type Segment = readonly [text: string, style?: Style];

export interface TerminalFacts {
  readonly isTTY: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The `color` option, where the user gave one. */
  readonly color?: boolean;
}

/**
 * The option wins, then NO_COLOR (no-color.org), then whether a terminal that can show colour reads it.
 * FORCE_COLOR is ignored: Nx sets it for every task, also when its output is piped.
 */
export function usesColor({ isTTY, env, color }: TerminalFacts): boolean {
  if (color !== undefined) return color;
  return (env['NO_COLOR'] ?? '') === '' && rewritesLines({ isTTY, env });
}

/** Can a line be written over? Not in a file, a pipe or a dumb terminal. */
export function rewritesLines({ isTTY, env }: Pick<TerminalFacts, 'isTTY' | 'env'>): boolean {
  return isTTY && env['TERM'] !== 'dumb';
}

/** Colour is never the only signal: every styled text says the same without it. */
export function painter(color: boolean): Paint {
  const colors = pc.createColors(color);
  const styles: Readonly<Record<Style, (text: string) => string>> = {
    plain: (text) => text, good: colors.green, bad: colors.red, warn: colors.yellow, dim: colors.dim, strong: colors.bold,
  };
  return (style, text) => (text === '' ? '' : styles[style](text));
}
