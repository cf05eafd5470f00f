/** The environment files of a project: one per environment and a schema of the variables that its source reads. Existing ones stay. */
import { joinPathFragments } from '@nx/devkit';
import type { Tree } from '@nx/devkit';
import { isSecretName } from 'nx-env-sync';
import { child, readLoose } from './loose-json.js';

const ASSIGNED = /^[ \t]*(?:export[ \t]+)?([A-Za-z_]\w*)[ \t]*=/gm;

export interface EnvironmentFiles {
  readonly project: string;
  /** Relative to the workspace. */
  readonly root: string;
  readonly environments: readonly string[];
  readonly variables: ReadonlyMap<string, string>;
}

export function writeEnvironmentFiles(tree: Tree, files: EnvironmentFiles): void {
  const folder = joinPathFragments(files.root, 'environments');
  const schema = joinPathFragments(folder, 'env.schema.json');
  if (!tree.exists(schema)) tree.write(schema, schemaOf(tree, files, folder));
  for (const name of files.environments) {
    const file = joinPathFragments(folder, `${name}.env`);
    if (!tree.exists(file)) tree.write(file, header(files.project, name));
  }
}

/** Those that all projects share, where the workspace has such files. */
export function writeSharedFile(tree: Tree, environment: string): void {
  const file = `environments/${environment}.env`;
  if (tree.exists(file) || !tree.exists('environments') || !tree.children('environments').some((name) => name.endsWith('.env'))) return;
  tree.write(file, [`# Values that all projects share in ${environment}: one KEY=value a line; those of a project win over them.`, '# Keep secrets out of files that are committed.', ''].join('\n'));
}

/** Keys that the schemas require, for which they have no default, and which no file of the environment sets. */
export function missingKeys(tree: Tree, root: string, environment: string): readonly string[] {
  const folders = [...new Set(['environments', joinPathFragments(root, 'environments')])];
  const schemas = folders.map((folder) => readLoose(tree, joinPathFragments(folder, 'env.schema.json')));
  const set = folders.flatMap((folder) => [...assigned(tree.read(joinPathFragments(folder, `${environment}.env`), 'utf8') ?? '')]);
  const required = schemas.flatMap((schema) => {
    const names = child(schema, 'required');
    return (Array.isArray(names) ? names : []).filter((name): name is string => typeof name === 'string');
  });
  const hasDefault = (name: string): boolean => schemas.some((schema) => child(child(child(schema, 'properties'), name), 'default') !== undefined);
  return [...new Set(required)].filter((name) => !set.includes(name) && !hasDefault(name)).sort();
}

function header(project: string, environment: string): string {
  return [
    `# Values of ${printable(project)} in ${environment}: one KEY=value a line.`,
    '# env.schema.json beside this file says what may and what must be set.',
    `# Values that all projects share stand in environments/${environment}.env of the workspace; the ones here win.`,
    '# The platform sets PORT and NX_DEPLOY_*. Keep secrets out of files that are committed.',
    '',
  ].join('\n');
}

/** A comment stays one line of ASCII whatever a project is called. */
function printable(text: string): string {
  return text.replace(/[^ -~]/g, '?');
}

/** Also knows what existing files set already: a new schema must not turn them into problems. */
function schemaOf(tree: Tree, { variables, environments, root }: EnvironmentFiles, folder: string): string {
  const shared = tree.exists('environments/env.schema.json') || root === '.' ? [] : environments.map((name) => `environments/${name}.env`);
  const own = tree.exists(folder) ? tree.children(folder).filter((name) => name.endsWith('.env')).map((name) => joinPathFragments(folder, name)) : [];
  const known = new Map(variables);
  for (const file of [...own, ...shared].filter((each) => tree.exists(each))) {
    for (const name of assigned(tree.read(file, 'utf8') ?? '')) if (!known.has(name)) known.set(name, file);
  }
  const properties = [...known].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, file]): [string, object] => [name, {
    type: 'string',
    description: `${variables.has(name) ? 'Read' : 'Set'} in ${printable(file)}.`,
    ...(isSecretName(name) ? { 'x-secret': true } : {}),
  }]);
  return `${JSON.stringify({
    $schema: 'http://json-schema.org/draft-07/schema#',
    type: 'object',
    properties: Object.fromEntries(properties),
    required: [],
  }, null, 2)}\n`;
}

function assigned(text: string): readonly string[] {
  return Array.from(text.matchAll(ASSIGNED), (match) => match[1] ?? '');
}
