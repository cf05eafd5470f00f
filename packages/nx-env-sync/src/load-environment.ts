import { resolve } from 'node:path';
import { checkEnvironment, type PlacedValue } from './check-environment.js';
import { isEnvironmentName } from './environment-name.js';
import { readLayers, type FolderLayers, type Layer } from './layer.js';
import { formatProblem, printable } from './problem.js';
import { isReservedName } from './reserved-names.js';
import { isSecret, mergeSchemas, type EnvSchema } from './schema.js';
import type { IdentityOptions } from './secrets/identities.js';
import { identitiesOnce } from './secrets/secrets-file.js';

/** Which environment, and where. */
export interface EnvironmentQuery {
  readonly environment: string;
  /** Absolute folder of the workspace. */
  readonly workspaceRoot: string;
  /** Folder of the project, absolute or relative to the workspace. */
  readonly projectRoot: string;
  /** Where the secret key for the secrets files comes from. By default the variables and the user's own file tell. */
  readonly identity?: IdentityOptions;
  /** Variables in which that is looked for. Default: those of this process. */
  readonly variables?: NodeJS.ProcessEnv;
}

/** An environment, merged and validated. Only `values` holds values. */
export interface LoadedEnvironment {
  /** false when neither a file nor a schema exists for it, or when its name cannot be a file name. */
  readonly found: boolean;
  /** Sorted by key; defaults of the schema applied. */
  readonly values: Record<string, string>;
  /** Sorted names of the keys that a schema calls secret, set or not, and of all that stand in a secrets file. */
  readonly secrets: string[];
  /** Where each value comes from: `file:line`, with the file relative to the workspace. */
  readonly sources: Record<string, string>;
  /** All of them at once, each `file:line key: what`; empty when the environment is valid. No value is quoted. */
  readonly problems: string[];
}

const NO_SCHEMA: EnvSchema = { rules: new Map(), required: new Map(), additional: undefined };

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

/**
 * All files from the weakest to the strongest, the project's plain one last. A file of secrets is as strict about unknown keys as the plain file
 * beside it, which what checks them tells by the schema.
 */
function inOrder(folders: readonly FolderLayers[]): readonly Layer[] {
  const described = folders.some(({ plain }) => plain.schema !== undefined);
  return folders.flatMap(({ plain, secrets }, index) => {
    const strict = index === folders.length - 1 ? described : plain.schema !== undefined;
    return [strict ? { ...secrets, schema: NO_SCHEMA } : secrets, plain];
  });
}

/**
 * Reads `environments/<environment>.env` and `<environment>.secrets.env` of the workspace and of the project (the project wins) and validates the
 * result against `environments/env.schema.json` of both. Never throws for what the files hold: see `problems`.
 */
export async function loadEnvironment(query: EnvironmentQuery): Promise<LoadedEnvironment> {
  if (!isEnvironmentName(query.environment)) return refused(query.environment);
  const workspaceRoot = resolve(query.workspaceRoot);
  const roots = [...new Set([workspaceRoot, resolve(workspaceRoot, query.projectRoot)])];
  const identities = identitiesOnce(query.identity ?? {}, { workspaceRoot, variables: query.variables ?? process.env });
  const folders = await Promise.all(roots.map(async (root) => readLayers(root, { environment: query.environment, workspaceRoot, identities })));
  const layers = inOrder(folders);
  const schema = folders.reduce((merged, { plain }) => mergeSchemas(merged, plain.schema ?? NO_SCHEMA), NO_SCHEMA);
  const values = mergeValues(layers);
  const { defaults, problems } = checkEnvironment(layers, unread(layers) ? withoutSecrets(schema) : schema, values);
  const sorted = [...values, ...defaults].sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    found: layers.some((layer) => layer.entries !== undefined || (layer.encrypted ? layer.problems.length > 0 : layer.schema !== undefined)),
    values: Object.fromEntries(sorted.map(([key, { value }]) => [key, value])),
    secrets: secretKeys(schema, layers),
    sources: Object.fromEntries(sorted.map(([key, { file, line }]) => [key, `${file}:${line}`])),
    problems: [...folders.flatMap(({ plain, secrets }) => [...plain.problems, ...secrets.problems]), ...problems].map(formatProblem),
  };
}

/** True when a file of secrets is there and could not be read. */
function unread(layers: readonly Layer[]): boolean {
  return layers.some(({ encrypted, entries, problems }) => encrypted && entries === undefined && problems.length > 0);
}

/** What stands in a file that could not be read is not missing. */
function withoutSecrets(schema: EnvSchema): EnvSchema {
  const known = (key: string): boolean => {
    const rule = schema.rules.get(key);
    return rule !== undefined && isSecret(rule);
  };
  return { ...schema, required: new Map([...schema.required].filter(([key]) => !known(key))) };
}

function secretKeys(schema: EnvSchema, layers: readonly Layer[]): string[] {
  const said = [...schema.rules].filter(([, rule]) => isSecret(rule)).map(([key]) => key);
  const encrypted = layers.filter((layer) => layer.encrypted).flatMap(({ entries }) => [...entries?.keys() ?? []]);
  return [...new Set([...said, ...encrypted])].sort();
}
