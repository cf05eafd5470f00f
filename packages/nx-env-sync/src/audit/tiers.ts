import type { EnvProblem } from '../problem.js';
import type { PlacedValue } from '../references.js';
import { schemaForTier, type EnvSchema } from '../schema.js';

export interface Tier {
  readonly environment: string;
  /** What its files set, defaults left out. */
  readonly set: ReadonlyMap<string, PlacedValue>;
}

/** What another environment sets and this one neither sets nor has a default for. Said once, with the first that sets it. */
export function tierDifferences(own: Tier & { readonly file: string }, others: readonly Tier[], merged: EnvSchema): EnvProblem[] {
  const schema = schemaForTier(merged, own.environment);
  const missing = new Map<string, EnvProblem>();
  for (const { environment, set } of others) {
    for (const [key, { file, line }] of set) {
      const rule = schema.rules.get(key);
      const meant = own.set.has(key) || rule?.definition['default'] !== undefined || (rule !== undefined && isDeliberate(rule.definition, own.environment));
      // A required one is a problem already.
      if (meant || schema.required.has(key) || missing.has(key)) continue;
      missing.set(key, { file: own.file, key, what: `is set in ${environment} (${file}:${line}) and not here`, rule: 'tiers' });
    }
  }
  return [...missing.values()];
}

/** Told by the schema: not required in this environment, or never synchronised although no secret. */
function isDeliberate(definition: Readonly<Record<string, unknown>>, environment: string): boolean {
  const tiers = definition['x-tiers'] as Readonly<Record<string, { required?: unknown } | undefined>> | undefined;
  return tiers?.[environment]?.required === false || definition['x-sync'] === 'never';
}
