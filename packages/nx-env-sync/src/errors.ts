/** What is told to people: what happened, where, why, and what to do next. No part of it ever holds a value. */
export interface ErrorParts {
  readonly what: string;
  /** File, line, key. */
  readonly where?: string;
  readonly why?: string;
  readonly next?: string;
  /** Several findings at once, one line each. */
  readonly problems?: readonly string[];
}

/** The one error of the commands. `refused`: nothing was begun, what was asked for or found is not right. `failed`: it went wrong on the way. */
export class EnvSyncError extends Error {
  constructor(readonly kind: 'refused' | 'failed', readonly parts: ErrorParts, options?: ErrorOptions) {
    super([parts.where === undefined ? parts.what : `${parts.where}: ${parts.what}`, ...(parts.why === undefined ? [] : [parts.why]), ...(parts.problems ?? [])].join('; '), options);
    this.name = 'EnvSyncError';
  }
}

/** The lines in which an error is printed. */
export function errorLines({ what, where, why, next, problems = [] }: ErrorParts): readonly string[] {
  return [
    `error: ${what}`,
    ...(where === undefined ? [] : [`  where: ${where}`]),
    ...(why === undefined ? [] : [`  why: ${why}`]),
    ...problems.map((problem) => `  - ${problem}`),
    ...(next === undefined ? [] : [`  next: ${next}`]),
  ];
}

/** The code that the system gave an error (`ENOENT`), or a word for none. */
export function errorCode(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : 'unknown error';
}
