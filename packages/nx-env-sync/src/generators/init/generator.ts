/** Infers the schema of a project's variables from what is there already. */
import { formatFiles, getProjects, joinPathFragments, logger, readNxJson, updateNxJson, updateProjectConfiguration } from '@nx/devkit';
import type { ProjectConfiguration, TargetConfiguration, Tree } from '@nx/devkit';
import { ENVIRONMENT_EXTENSION, ENVIRONMENTS_FOLDER, isEnvironmentName, SECRETS_EXTENSION } from '../../environment-name.js';
import { EnvSyncError, errorLines } from '../../errors.js';
import { extendSchema } from '../../inference/extend-schema.js';
import { inferRule } from '../../inference/infer-rule.js';
import { seenKeys } from '../../inference/seen-keys.js';
import { variableReader } from '../../inference/variable-reads.js';
import { SCHEMA_FILE } from '../../layer.js';
import { printable } from '../../problem.js';
import { parseSchema } from '../../schema.js';
import { suggest } from '../../suggest.js';

export interface InitOptions {
  readonly project?: string;
  readonly skipFormat?: boolean;
}

const SYNC_GENERATOR = 'nx-env-sync:types-sync';

/**
 * Adds to the project's schema what it lacks, and to nx.json the sync generator. Without a project only the latter.
 * @throws EnvSyncError for a project that is not there and a schema that is not valid; nothing is written then
 */
export async function initGenerator(tree: Tree, { project: name, skipFormat = false }: InitOptions = {}): Promise<void> {
  const project = name === undefined || name === '' ? undefined : projectNamed(tree, name);
  const lines = project === undefined ? ['next: nx g nx-env-sync:init --project=<project>'] : describe(tree, project);
  registerSync(tree);
  if (!skipFormat) await formatFiles(tree);
  logger.info(lines.join('\n'));
}

/** What Nx calls: it prints nothing of an error but its message. */
export default async function init(tree: Tree, options: InitOptions): Promise<void> {
  try {
    await initGenerator(tree, options);
  } catch (error) {
    throw error instanceof EnvSyncError ? new Error(errorLines(error.parts).join('\n'), { cause: error }) : error;
  }
}

interface Named extends ProjectConfiguration {
  readonly name: string;
}

function projectNamed(tree: Tree, name: string): Named {
  const projects = getProjects(tree);
  const found = projects.get(name);
  if (found !== undefined) return { ...found, name };
  const near = suggest(name, projects.keys());
  throw new EnvSyncError('refused', { what: `there is no project ${JSON.stringify(printable(name, 64))}`, next: near === undefined ? 'nx show projects lists them' : `did you mean ${near}?` });
}

/** Returns lines to print. */
function describe(tree: Tree, project: Named): readonly string[] {
  const file = joinPathFragments(project.root, ENVIRONMENTS_FOLDER, SCHEMA_FILE);
  const shared = joinPathFragments(ENVIRONMENTS_FOLDER, SCHEMA_FILE);
  const apart = tree.exists(shared) && shared !== file;
  const readVariables = variableReader(tree.root);
  const seen = seenKeys(tree, project, { shared: !apart && project.root !== '.', readVariables });
  const known = apart ? parseSchema(tree.read(shared, 'utf8') ?? '', shared).schema.rules : new Map<string, never>();
  const inferred = new Map([...seen].filter(([key]) => !known.has(key)).map(([key, all]) => [key, inferRule(key, all)]));
  const before = tree.exists(file) ? tree.read(file, 'utf8') ?? '' : undefined;
  const { text, added } = extendSchema(before, file, inferred);
  if (text !== before) tree.write(file, text);
  const targets = addTargets(tree, project);
  const secrets = added.filter((key) => inferred.get(key)?.definition['x-secret'] === true);
  return [
    `${printable(file)}: ${before === undefined ? 'written' : added.length === 0 ? 'has all keys; left as it is' : 'extended'}`,
    ...(added.length === 0 ? [] : [`  keys added: ${added.join(', ')}`]),
    ...(secrets.length === 0 ? [] : [`  of them secret, by name or value: ${secrets.join(', ')}`]),
    ...(targets.length === 0 ? [] : [`  targets added: ${targets.join(', ')}`]),
    ...(readVariables === undefined ? ['  TypeScript is not installed, so the source was not looked at'] : []),
    `  next: read it, then nx run ${printable(project.name)}:env-validate --configuration=${environmentsOf(tree, project)[0] ?? '<environment>'}`,
  ];
}

function environmentsOf(tree: Tree, { root }: ProjectConfiguration): readonly string[] {
  const folders = [...new Set(['.', root])].map((folder) => joinPathFragments(folder, ENVIRONMENTS_FOLDER)).filter((folder) => tree.exists(folder));
  const files = folders.flatMap((folder) => tree.children(folder)).filter((name) => name.endsWith(ENVIRONMENT_EXTENSION));
  const names = files.map((name) => name.slice(0, -(name.endsWith(SECRETS_EXTENSION) ? SECRETS_EXTENSION : ENVIRONMENT_EXTENSION).length));
  return [...new Set(names)].filter(isEnvironmentName).sort();
}

/** Where nx-deploy infers them from a deploy.json they are there already. */
function addTargets(tree: Tree, project: Named): readonly string[] {
  const { name, ...configuration } = project;
  if (tree.exists(joinPathFragments(project.root, 'deploy.json'))) return [];
  const configurations = Object.fromEntries(environmentsOf(tree, project).map((environment) => [environment, {}]));
  const wanted: Readonly<Record<string, TargetConfiguration>> = { 'env-validate': { executor: 'nx-env-sync:validate', configurations }, 'env-types': { executor: 'nx-env-sync:types' } };
  const missing = Object.entries(wanted).filter(([target]) => project.targets?.[target] === undefined);
  if (missing.length > 0) updateProjectConfiguration(tree, name, { ...configuration, targets: { ...project.targets, ...Object.fromEntries(missing) } });
  return missing.map(([target]) => target);
}

function registerSync(tree: Tree): void {
  const nxJson = readNxJson(tree) ?? {};
  const there = nxJson.sync?.globalGenerators ?? [];
  if (!there.includes(SYNC_GENERATOR)) updateNxJson(tree, { ...nxJson, sync: { ...nxJson.sync, globalGenerators: [...there, SYNC_GENERATOR] } });
}
