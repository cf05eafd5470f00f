/** Kinds of findings, by which programs sort them, and what each looks for. The last five are audits. */
export const RULES = {
  environment: 'An environment is named, and exists',
  file: 'A file can be read',
  syntax: 'Each line of an environment file is an assignment that every reader takes for the same',
  duplicate: 'A key is set once',
  schema: 'The schema is valid, and its defaults fit it',
  reserved: 'No file sets what the platform sets for each instance',
  unknown: 'Each key is described by the schema',
  renamed: 'No file sets a key by its earlier name',
  missing: 'Each required key is set',
  value: 'Each value is of the form that the schema asks for',
  reference: 'Each reference leads to a key that is set, and never back to itself',
  deprecated: 'No file sets a key that goes',
  'weak-secret': 'A secret is neither a placeholder nor easy to guess',
  'plain-secret': 'A secret stands in no plain file that git tracks',
  'undeclared-secret': 'What looks like a secret in a file that git tracks is said to be one, or not to be one',
  tiers: 'What one environment sets, the others set too',
} as const satisfies Readonly<Record<string, string>>;

export type ProblemRule = keyof typeof RULES;

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
