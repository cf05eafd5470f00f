/** Names of the variables that a service knows; its values are no concern of an image. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'jsonc-parser';

const SCHEMA = ['environments', 'env.schema.json'];
const NAME = /^[A-Za-z_][A-Za-z0-9_]{0,254}$/;

/** Sorted, from the schemas of the workspace and of the project. A schema that cannot be read has none here: `env-validate` says what is wrong with it. */
export async function variablesOf(workspaceRoot: string, projectRoot: string): Promise<readonly string[]> {
  const files = new Set([workspaceRoot, join(workspaceRoot, projectRoot)].map((folder) => join(folder, ...SCHEMA)));
  const names = await Promise.all([...files].map(namesIn));
  return [...new Set(names.flat())].sort();
}

async function namesIn(file: string): Promise<readonly string[]> {
  const text = await readFile(file, 'utf8').catch(() => '');
  const schema: unknown = parse(text.replace(/^\ufeff/, ''), [], { allowTrailingComma: true });
  const properties = typeof schema === 'object' && schema !== null && 'properties' in schema ? schema.properties : undefined;
  return typeof properties === 'object' && properties !== null ? Object.keys(properties).filter((name) => NAME.test(name)) : [];
}
