import { join } from 'node:path';
import { ENVIRONMENTS_FOLDER, SECRETS_EXTENSION } from './environment-name.js';
import { shownPath } from './files/paths.js';
import { parseEnvFile, type EnvEntry } from './parse-env-file.js';
import type { EnvProblem } from './problem.js';
import { readTextFile, type FileText } from './read-file.js';
import { parseSchema, type EnvSchema } from './schema.js';
import { readSecretsFile, type Identities } from './secrets/secrets-file.js';

/** What one file of a folder, the workspace's or the project's, says about an environment; the schema beside it counts for both of the folder's files. */
export interface Layer {
  /** Path of the environment file, as shown to people. */
  readonly file: string;
  /** true for the file of secrets: everything in it is one. */
  readonly encrypted: boolean;
  /** undefined when there is no readable environment file. */
  readonly entries: ReadonlyMap<string, EnvEntry> | undefined;
  readonly schema: EnvSchema | undefined;
  /** Of the form of the file; with the plain file stand those of the schema, first. */
  readonly problems: readonly EnvProblem[];
}

/** A folder's two files. */
export interface FolderLayers {
  readonly plain: Layer;
  readonly secrets: Layer;
}

export interface LayerQuery {
  readonly environment: string;
  readonly workspaceRoot: string;
  readonly identities: Identities;
  /** That of the same folder. */
  readonly schema: SchemaFile;
}

/** An `env.schema.json`: undefined when it is not there or cannot be read. */
export type SchemaFile = Reading<EnvSchema>;

/** Beside the files of environments. */
export const SCHEMA_FILE = 'env.schema.json';

interface Reading<T> { readonly content: T | undefined; readonly problems: readonly EnvProblem[] }

async function read<T>(file: Promise<FileText>, shown: string, parse: (text: string) => { content: T; problems: readonly EnvProblem[] }): Promise<Reading<T>> {
  const found = await file;
  if (found.state === 'read') return parse(found.text);
  return { content: undefined, problems: found.state === 'missing' ? [] : [{ file: shown, what: found.what }] };
}

function entriesIn(shown: string): (text: string) => { content: ReadonlyMap<string, EnvEntry>; problems: readonly EnvProblem[] } {
  return (text) => {
    const { values: content, problems } = parseEnvFile(text, shown);
    return { content, problems };
  };
}

/** Reads `<root>/environments/env.schema.json`. */
export async function readSchemaFile(root: string, workspaceRoot: string): Promise<SchemaFile> {
  const path = join(root, ENVIRONMENTS_FOLDER, SCHEMA_FILE);
  const shown = shownPath(path, workspaceRoot);
  return read(readTextFile(path), shown, (text) => {
    const { schema: content, problems } = parseSchema(text, shown);
    return { content, problems };
  });
}

/** Reads `<environment>.env` and `<environment>.secrets.env` of `<root>/environments`. */
export async function readLayers(root: string, { environment, workspaceRoot, identities, schema }: LayerQuery): Promise<FolderLayers> {
  const pathOf = (name: string): string => join(root, ENVIRONMENTS_FOLDER, name);
  const shown = (name: string): string => shownPath(pathOf(name), workspaceRoot);
  const [plainFile, secretsFile] = [`${environment}.env`, `${environment}${SECRETS_EXTENSION}`];
  const [plain, secrets] = await Promise.all([
    read(readTextFile(pathOf(plainFile)), shown(plainFile), entriesIn(shown(plainFile))),
    read(readSecretsFile(pathOf(secretsFile), identities), shown(secretsFile), entriesIn(shown(secretsFile))),
  ]);
  return {
    plain: { file: shown(plainFile), encrypted: false, entries: plain.content, schema: schema.content, problems: [...schema.problems, ...plain.problems, ...both(plain.content, secrets.content, shown(plainFile), shown(secretsFile))] },
    secrets: { file: shown(secretsFile), encrypted: true, entries: secrets.content, schema: undefined, problems: secrets.problems },
  };
}

/** A value in plain text beside its encrypted one: which of them was meant cannot be known. */
function both(plain: Layer['entries'], secrets: Layer['entries'], file: string, secretsFile: string): EnvProblem[] {
  return [...plain ?? []].filter(([key]) => secrets?.has(key) === true)
    .map(([key, { line }]) => ({ file, line, key, what: `is set in ${secretsFile} as well; remove it here, where everybody can read it`, rule: 'duplicate' }));
}
