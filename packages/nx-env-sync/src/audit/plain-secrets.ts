import { SECRETS_EXTENSION } from '../environment-name.js';
import type { Layer } from '../layer.js';
import type { EnvProblem } from '../problem.js';
import type { EnvSchema } from '../schema.js';
import { isSecretName, passwordIn } from './secret-names.js';

export interface PlainTextQuery {
  readonly layers: readonly Layer[];
  readonly schema: EnvSchema;
  /** Keys that are secret. */
  readonly secrets: readonly string[];
}

/** Secrets in plain text, and keys that look like one but are not said to be; that is wrong where others read the file. */
export function plainSecrets({ layers, schema, secrets }: PlainTextQuery): EnvProblem[] {
  const known = new Set(secrets);
  return layers.filter(({ encrypted }) => !encrypted).flatMap(({ file, entries = [] }) => [...entries].flatMap(([key, { value, line }]): EnvProblem[] => {
    // A value that is nothing but references is as secret as these.
    if (value === '' || (schema.expand === true && /^(?:\$\{\w+\})+$/.test(value))) return [];
    const better = `${file.replace(/\.env$/, '')}${SECRETS_EXTENSION}`;
    if (known.has(key)) return [{ file, line, key, what: `is a secret in plain text in a file that git tracks; move it to ${better}, and give it a new value`, rule: 'plain-secret' }];
    const said = schema.rules.get(key)?.definition['x-secret'] !== undefined;
    return said || !(isSecretName(key) || passwordIn(value) !== undefined) ? []
      : [{ file, line, key, what: 'looks like a secret in a file that git tracks; say "x-secret": true or false in the schema', rule: 'undeclared-secret' }];
  }));
}
