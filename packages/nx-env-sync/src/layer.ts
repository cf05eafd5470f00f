import { join, relative, sep } from 'node:path';
import { ENVIRONMENTS_FOLDER } from './environment-name.js';
import { parseEnvFile, type EnvEntry } from './parse-env-file.js';
import type { EnvProblem } from './problem.js';
import { readTextFile } from './read-file.js';
import { parseSchema, type EnvSchema } from './schema.js';

/** What one folder, the workspace's or the project's, says about an environment. */
export interface Layer {
  /** Path of the environment file, as shown to people. */
  readonly file: string;
  /** undefined when there is no readable environment file. */
  readonly entries: ReadonlyMap<string, EnvEntry> | undefined;
  readonly schema: EnvSchema | undefined;
  /** Of the form of both files, the schema's first. */
  readonly problems: readonly EnvProblem[];
}

const SCHEMA_FILE = 'env.schema.json';

interface Reading<T> { readonly content: T | undefined; readonly problems: readonly EnvProblem[] }

async function read<T>(path: string, shown: string, parse: (text: string) => { content: T; problems: readonly EnvProblem[] }): Promise<Reading<T>> {
  const file = await readTextFile(path);
  if (file.state === 'read') return parse(file.text);
  return { content: undefined, problems: file.state === 'missing' ? [] : [{ file: shown, what: file.what }] };
}

/** Reads `<root>/environments/<environment>.env` and `<root>/environments/env.schema.json`. */
export async function readLayer(root: string, of: { environment: string; workspaceRoot: string }): Promise<Layer> {
  const pathOf = (name: string): string => join(root, ENVIRONMENTS_FOLDER, name);
  const shown = (name: string): string => relative(of.workspaceRoot, pathOf(name)).split(sep).join('/');
  const file = `${of.environment}.env`;
  const [schema, entries] = await Promise.all([
    read(pathOf(SCHEMA_FILE), shown(SCHEMA_FILE), (text) => {
      const { schema: content, problems } = parseSchema(text, shown(SCHEMA_FILE));
      return { content, problems };
    }),
    read(pathOf(file), shown(file), (text) => {
      const { values: content, problems } = parseEnvFile(text, shown(file));
      return { content, problems };
    }),
  ]);
  return { file: shown(file), entries: entries.content, schema: schema.content, problems: [...schema.problems, ...entries.problems] };
}
