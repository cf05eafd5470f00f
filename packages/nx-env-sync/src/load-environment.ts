import { isEnvironmentName } from './environment-name.js';
import { examineEnvironment, type EnvironmentQuery } from './examine-environment.js';
import { formatProblem, printable } from './problem.js';

export type { EnvironmentQuery } from './examine-environment.js';

/** An environment, merged and validated. Only `values` holds values. */
export interface LoadedEnvironment {
  /** false when neither a file nor a schema exists for it, or when its name cannot be a file name. */
  readonly found: boolean;
  /** Sorted by key; defaults of the schema applied, references replaced where it asks for that. */
  readonly values: Record<string, string>;
  /** Sorted names of the keys that a schema calls secret, set or not, of all that stand in a secrets file, and of what holds one by reference. */
  readonly secrets: string[];
  /** Where each value comes from: `file:line`, with the file relative to the workspace. */
  readonly sources: Record<string, string>;
  /** All of them at once, each `file:line key: what`; empty when the environment is valid. No value is quoted. */
  readonly problems: string[];
}

/** Why a name can be none of an environment. */
export function notAName(name: string): string {
  const rule = 'letters, digits, dot, dash and underscore only, at most 63, a letter or digit first, and not .secrets at the end';
  return `${JSON.stringify(printable(name, 64))} is no environment name: ${rule}`;
}

/**
 * Reads `environments/<environment>.env` and `<environment>.secrets.env` of the workspace and of the project (the project wins) and validates the
 * result against `environments/env.schema.json` of both. Never throws for what the files hold: see `problems`.
 */
export async function loadEnvironment(query: EnvironmentQuery): Promise<LoadedEnvironment> {
  if (!isEnvironmentName(query.environment)) return { found: false, values: {}, secrets: [], sources: {}, problems: [notAName(query.environment)] };
  const { found, values, secrets, problems } = await examineEnvironment(query);
  return {
    found,
    values: Object.fromEntries([...values].map(([key, { value }]) => [key, value])),
    secrets: [...secrets],
    sources: Object.fromEntries([...values].map(([key, { file, line }]) => [key, `${file}:${line}`])),
    problems: problems.map(formatProblem),
  };
}
