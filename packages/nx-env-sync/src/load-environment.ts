import { resolve } from 'node:path';
import { checkEnvironment } from './check-environment.js';
import { isEnvironmentName } from './environment-name.js';
import { readLayer, type Layer } from './layer.js';
import { formatProblem, printable } from './problem.js';
import type { Expanded, PlacedValue } from './references.js';
import { isReservedName } from './reserved-names.js';
import { isSecret, mergeSchemas, NO_SCHEMA, schemaForTier } from './schema.js';

/** Which environment, and where. */
export interface EnvironmentQuery {
  readonly environment: string;
  /** Absolute folder of the workspace. */
  readonly workspaceRoot: string;
  /** Folder of the project, absolute or relative to the workspace. */
  readonly projectRoot: string;
}

/** An environment, merged and validated. Only `values` holds values. */
export interface LoadedEnvironment {
  /** false when neither a file nor a schema exists for it, or when its name cannot be a file name. */
  readonly found: boolean;
  /** Sorted by key; defaults of the schema applied. */
  readonly values: Record<string, string>;
  /** Sorted names of the keys that a schema calls secret, set or not. */
  readonly secrets: string[];
  /** Where each value comes from: `file:line`, with the file relative to the workspace. */
  readonly sources: Record<string, string>;
  /** All of them at once, each `file:line key: what`; empty when the environment is valid. No value is quoted. */
  readonly problems: string[];
}

/** Later layers win. Reserved names are left out: the platform's value would be another. */
function mergeValues(layers: readonly Layer[]): Map<string, PlacedValue> {
  const values = new Map<string, PlacedValue>();
  for (const { file, entries = [] } of layers) {
    for (const [key, { value, line }] of entries) if (!isReservedName(key)) values.set(key, { value, file, line });
  }
  return values;
}

function refused(name: string): LoadedEnvironment {
  const shown = JSON.stringify(printable(name, 64));
  const rule = 'letters, digits, dot, dash and underscore only, at most 63, a letter or digit first';
  return { found: false, values: {}, secrets: [], sources: {}, problems: [`${shown} is no environment name: ${rule}`] };
}

/** What holds a secret by reference is one. */
function withHolders(secrets: readonly string[], holds: Expanded['holds']): string[] {
  const holders = [...holds].filter(([, held]) => secrets.some((key) => held.has(key))).map(([key]) => key);
  return [...new Set([...secrets, ...holders])].sort();
}

/**
 * Reads `environments/<environment>.env` of the workspace and of the project (the project wins) and validates the
 * result against `environments/env.schema.json` of both. Never throws for what the files hold: see `problems`.
 */
export async function loadEnvironment(query: EnvironmentQuery): Promise<LoadedEnvironment> {
  if (!isEnvironmentName(query.environment)) return refused(query.environment);
  const workspaceRoot = resolve(query.workspaceRoot);
  const roots = [...new Set([workspaceRoot, resolve(workspaceRoot, query.projectRoot)])];
  const layers = await Promise.all(roots.map(async (root) => readLayer(root, { environment: query.environment, workspaceRoot })));
  const schema = schemaForTier(layers.reduce((merged, layer) => mergeSchemas(merged, layer.schema ?? NO_SCHEMA), NO_SCHEMA), query.environment);
  const { values, holds, problems } = checkEnvironment(layers, schema, mergeValues(layers));
  const sorted = [...values].sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    found: layers.some((layer) => layer.entries !== undefined || layer.schema !== undefined),
    values: Object.fromEntries(sorted.map(([key, { value }]) => [key, value])),
    secrets: withHolders([...schema.rules].filter(([, rule]) => isSecret(rule)).map(([key]) => key), holds),
    sources: Object.fromEntries(sorted.map(([key, { file, line }]) => [key, `${file}:${line}`])),
    problems: [...layers.flatMap((layer) => layer.problems), ...problems].map(formatProblem),
  };
}
