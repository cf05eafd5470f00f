/** What is told to people: what happened, where, and what to do next. No part of it holds the value of a secret. */
export interface ErrorParts {
  readonly what: string;
  /** File. */
  readonly where?: string;
  /** Several findings at once, one line each. */
  readonly problems?: readonly string[];
  readonly next?: string;
}

/** The error of what was asked for: nothing was begun. */
export class HealthError extends Error {
  constructor(readonly parts: ErrorParts, options?: ErrorOptions) {
    super([parts.where === undefined ? parts.what : `${parts.where}: ${parts.what}`, ...(parts.problems ?? [])].join('; '), options);
    this.name = 'HealthError';
  }
}

/** The lines in which it is printed. */
export function errorLines({ what, where, problems = [], next }: ErrorParts): readonly string[] {
  return [`error: ${what}`, ...(where === undefined ? [] : [`  where: ${where}`]), ...problems.map((problem) => `  - ${problem}`), ...(next === undefined ? [] : [`  next: ${next}`])];
}

/** The code that the system gave an error (`ENOENT`), or a word for none. */
export function errorCode(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : 'unknown error';
}
