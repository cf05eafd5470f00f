import type { Layer } from '../layer.js';
import type { EnvProblem } from '../problem.js';
import type { EnvSchema } from '../schema.js';

/** Names that are given to secrets. */
const TELLING = /(?:^|_)(?:PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|API_?KEY|PRIVATE_?KEY|CREDENTIALS?|ACCESS_?KEY)$/i;

/** `tracked`: files that are in the repository, as shown to people. `encrypted` layers hold no plain text. */
export interface PlainTextQuery {
  readonly layers: readonly Layer[];
  readonly schema: EnvSchema;
  readonly secrets: readonly string[];
  readonly tracked: ReadonlySet<string>;
}

/** Secrets that everybody who has the repository can read, and keys that look like one but are not said to be. */
export function plainSecrets({ layers, schema, secrets, tracked }: PlainTextQuery): EnvProblem[] {
  const known = new Set(secrets);
  const readable = layers.filter(({ encrypted, file }) => !encrypted && tracked.has(file));
  return readable.flatMap(({ file, entries = [] }) => [...entries].flatMap(([key, { value, line }]): EnvProblem[] => {
    // A value that is nothing but references is as secret as these.
    if (value === '' || (schema.expand === true && /^(?:\$\{\w+\})+$/.test(value))) return [];
    const stem = file.replace(/\.env$/, '');
    if (known.has(key)) return [{ file, line, key, what: `is a secret in plain text in a file that git tracks; move it to ${stem}.secrets.env, and give it a new value`, rule: 'plain-secret' }];
    const said = schema.rules.get(key)?.definition['x-secret'] !== undefined;
    return said || !TELLING.test(key) ? [] : [{ file, line, key, what: 'looks like a secret in a file that git tracks; say "x-secret": true or false in the schema', rule: 'undeclared-secret' }];
  }));
}
