import { checkEnvironment } from './check-environment.js';
import type { FolderLayers, Layer } from './layer.js';
import type { EnvProblem } from './problem.js';
import type { Expanded, PlacedValue } from './references.js';
import { EnvironmentReader } from './reader.js';
import { isReservedName } from './reserved-names.js';
import { isSecret, NO_SCHEMA, schemaForTier, type EnvSchema } from './schema.js';
import type { IdentityOptions } from './secrets/identities.js';

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

/** All that is known of an environment. */
export interface ExaminedEnvironment {
  /** false when neither a file nor a schema exists for it. */
  readonly found: boolean;
  /** The files from the weakest to the strongest, the project's plain one last. */
  readonly layers: readonly Layer[];
  /** For all environments, and for this one. */
  readonly described: EnvSchema;
  readonly schema: EnvSchema;
  /** What the files set, as it is written. */
  readonly set: ReadonlyMap<string, PlacedValue>;
  /** The same with defaults, references replaced: what a process gets. Sorted by key. */
  readonly values: ReadonlyMap<string, PlacedValue>;
  /** Sorted names of the keys that are secret, set or not. */
  readonly secrets: readonly string[];
  /** true when a file of secrets is there and could not be read. */
  readonly unread: boolean;
  readonly problems: readonly EnvProblem[];
}

/** Later layers win. Reserved names are left out: the platform's value would be another. */
function mergeValues(layers: readonly Layer[]): Map<string, PlacedValue> {
  const values = new Map<string, PlacedValue>();
  for (const { file, entries = [] } of layers) {
    for (const [key, { value, line }] of entries) if (!isReservedName(key)) values.set(key, { value, file, line });
  }
  return values;
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

/** What the files of an environment set, unchecked. */
export async function readSet(reader: EnvironmentReader, { environment, projectRoot }: Pick<EnvironmentQuery, 'environment' | 'projectRoot'>): Promise<ReadonlyMap<string, PlacedValue>> {
  return setIn(await reader.folders(environment, projectRoot));
}

/** Merged once, for the environment itself and for the others that are compared with it. */
const merged = new WeakMap<readonly FolderLayers[], ReadonlyMap<string, PlacedValue>>();

function setIn(folders: readonly FolderLayers[]): ReadonlyMap<string, PlacedValue> {
  const set = merged.get(folders) ?? mergeValues(inOrder(folders));
  merged.set(folders, set);
  return set;
}

/** Reads and checks the files of an environment. Its name is one that can be a file name. Never throws for what the files hold. */
export async function examineEnvironment(query: EnvironmentQuery, reader = new EnvironmentReader(query)): Promise<ExaminedEnvironment> {
  const folders = await reader.folders(query.environment, query.projectRoot);
  const layers = inOrder(folders);
  const { schema: described } = await reader.describedSchema(query.projectRoot);
  const schema = schemaForTier(described, query.environment);
  const set = setIn(folders);
  const unread = layers.some(({ encrypted, entries, problems: found }) => encrypted && entries === undefined && found.length > 0);
  const { values, holds, problems } = checkEnvironment(layers, unread ? withoutSecrets(schema) : schema, set);
  return {
    found: layers.some((layer) => layer.entries !== undefined || (layer.encrypted ? layer.problems.length > 0 : layer.schema !== undefined)),
    layers, described, schema, set, unread,
    values: new Map([...values].sort(([a], [b]) => (a < b ? -1 : 1))),
    secrets: withHolders(secretKeys(schema, layers), holds),
    problems: [...folders.flatMap(({ plain, secrets }) => [...plain.problems, ...secrets.problems]), ...problems],
  };
}

/** What stands in a file that could not be read is not missing, and what refers to it is left as it is written. */
function withoutSecrets(schema: EnvSchema): EnvSchema {
  const known = (key: string): boolean => {
    const rule = schema.rules.get(key);
    return rule !== undefined && isSecret(rule);
  };
  return { ...schema, expand: false, required: new Map([...schema.required].filter(([key]) => !known(key))) };
}

function secretKeys(schema: EnvSchema, layers: readonly Layer[]): string[] {
  const said = [...schema.rules].filter(([, rule]) => isSecret(rule)).map(([key]) => key);
  const encrypted = layers.filter((layer) => layer.encrypted).flatMap(({ entries }) => [...entries?.keys() ?? []]);
  return [...new Set([...said, ...encrypted])];
}

/** What holds a secret by reference is one. */
function withHolders(secrets: readonly string[], holds: Expanded['holds']): string[] {
  const holders = [...holds].filter(([, held]) => secrets.some((key) => held.has(key))).map(([key]) => key);
  return [...new Set([...secrets, ...holders])].sort();
}
