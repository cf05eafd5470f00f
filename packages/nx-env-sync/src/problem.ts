/** Kinds of findings, by which programs sort them. */
export type ProblemRule =
  | 'file' | 'syntax' | 'duplicate' | 'schema' | 'reserved' | 'unknown' | 'missing' | 'value' | 'reference' | 'renamed'
  | 'deprecated' | 'weak-secret' | 'plain-secret' | 'undeclared-secret' | 'tiers';

/** One finding about an environment. It names files, lines and keys, and never holds a value. */
export interface EnvProblem {
  /** Path as shown to people, relative to the workspace. */
  readonly file: string;
  /** Counted from 1; undefined when the finding is about the whole file. */
  readonly line?: number;
  readonly key?: string;
  /** What is wrong, and what would be right. */
  readonly what: string;
  /** Without one: `file`. */
  readonly rule?: ProblemRule;
}

/** Printable ASCII only: file names and keywords come from outside, and a terminal obeys control characters. */
export function printable(text: string, limit = 200): string {
  const plain = text.replace(/[^\x20-\x7e]/gu, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`);
  return plain.length > limit ? `${plain.slice(0, limit)}...` : plain;
}

/** `file:line key: what`, the form that editors make clickable. */
export function formatProblem(problem: EnvProblem): string {
  const line = problem.line === undefined ? '' : `:${problem.line}`;
  const key = problem.key === undefined ? '' : ` ${printable(problem.key)}`;
  return `${printable(problem.file)}${line}${key}: ${problem.what}`;
}
