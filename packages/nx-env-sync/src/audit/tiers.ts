import type { EnvProblem } from '../problem.js';
import type { PlacedValue } from '../references.js';
import type { EnvSchema } from '../schema.js';
import { tiersOf } from '../traits.js';

export interface Tier {
  readonly environment: string;
  /** What its files set, defaults left out. */
  readonly set: ReadonlyMap<string, PlacedValue>;
}

/** What another environment sets and this one neither sets nor has a default for. Said once, with the first that sets it. */
export function tierDifferences(own: Tier & { readonly file: string }, others: readonly Tier[], schema: EnvSchema): EnvProblem[] {
  const missing = new Map<string, EnvProblem>();
  for (const { environment, set } of others) {
    for (const [key, { file, line }] of set) {
      // A required one is a problem already.
      if (own.set.has(key) || missing.has(key) || schema.required.has(key) || isDeliberate(schema.rules.get(key)?.definition, own.environment)) continue;
      missing.set(key, { file: own.file, key, what: `is set in ${environment} (${file}:${line}) and not here; set it, or say in the schema that it may differ ("x-sync": "never")`, rule: 'tiers' });
    }
  }
  return [...missing.values()];
}

/** Told by the schema: it has a default, is not required in this environment, or is never synchronised although no secret. */
function isDeliberate(definition: Readonly<Record<string, unknown>> | undefined, environment: string): boolean {
  return definition !== undefined && (definition['default'] !== undefined || definition['x-sync'] === 'never' || tiersOf(definition).get(environment)?.['required'] === false);
}
