/** Adds an environment to every deploy.json of the workspace, and the files that hold its values. */
import { getProjects, joinPathFragments, logger, readNxJson } from '@nx/devkit';
import type { Tree } from '@nx/devkit';
import { CONFIG_FILE, environmentNames, parseConfig } from '../../config/load.js';
import { isName, NAME_RULE } from '../../config/names.js';
import { pluginOptions } from '../../config/plugin-options.js';
import { DeployError, formatError } from '../../errors.js';
import { formatNew } from '../format.js';
import type { Before } from '../format.js';
import { nextStep } from '../next-step.js';
import { named } from '../setup/choose-projects.js';
import type { Known, Named } from '../setup/choose-projects.js';
import { aboutInstances, withCopy, withEnvironments } from '../setup/deploy-file.js';
import { missingKeys, writeEnvironmentFiles, writeSharedFile } from '../setup/environment-files.js';
import { readSource } from '../setup/infer-source.js';
import { isSite } from '../setup/is-site.js';
import { portSource } from '../setup/ports.js';

export interface EnvironmentOptions {
  readonly name: string;
  /** Default: all that have a deploy.json. */
  readonly projects?: readonly string[];
  /** Environment whose settings it takes. */
  readonly from?: string;
  readonly platform?: string;
  readonly instances?: number;
  readonly strategy?: string;
  readonly listen?: number;
  readonly skipFormat?: boolean;
}

/**
 * Throws ND-OPTION-INVALID for an unsafe name, ND-PROJECT-UNKNOWN, ND-CONFIG-MISSING where no deploy.json is found, and ND-CONFIG-INVALID
 * or ND-ENVIRONMENT-UNKNOWN with the problems of all files; in each case nothing is written.
 */
export async function environmentGenerator(tree: Tree, options: EnvironmentOptions): Promise<void> {
  const name = options.name.trim();
  if (!isName(name)) throw new DeployError('ND-OPTION-INVALID', { what: `the environment ${JSON.stringify(name)} cannot be named so`, why: `it must be ${NAME_RULE}` });
  const projects = wanted(tree, options.projects);
  const nextPort = portSource(tree, options.listen);
  const texts = extended(tree, projects, { ...options, name }, nextPort);
  const before: Before = new Map();
  const notes = projects.flatMap((project, index) => write(tree, project, { ...options, name }, texts[index] ?? '', before));
  writeSharedFile(tree, name);
  if (options.skipFormat !== true) await formatNew(tree, before);
  logger.info([...notes, ...projects.flatMap((project) => aboutKeys(tree, project, name)), next(tree, projects, texts, name)].join('\n'));
}

/** What Nx calls: it prints nothing of an error but its message, so that holds the code, all problems and what to do next. */
export default async function environment(tree: Tree, options: EnvironmentOptions): Promise<void> {
  try {
    await environmentGenerator(tree, options);
  } catch (thrown) {
    throw thrown instanceof DeployError ? new Error(formatError(thrown), { cause: thrown }) : thrown;
  }
}

function wanted(tree: Tree, names: readonly string[] | undefined): readonly Named[] {
  const known: Known = getProjects(tree);
  const has = ({ root }: { readonly root: string }): boolean => tree.exists(joinPathFragments(root, CONFIG_FILE));
  if (names === undefined) {
    const found = [...known].filter(([, project]) => has(project)).map(([name, project]) => ({ ...project, name })).sort((a, b) => (a.name < b.name ? -1 : 1));
    if (found.length === 0) throw new DeployError('ND-CONFIG-MISSING', { what: `no project of the workspace has a ${CONFIG_FILE}`, next: 'make one deployable: nx g nx-deploy:setup <project>' });
    return found;
  }
  const projects = [...new Map(names.flatMap((each) => each.split(',')).map((each) => each.trim()).filter((each) => each !== '').map((each) => named(each, known)).map((each) => [each.name, each])).values()];
  if (projects.length === 0) throw new DeployError('ND-OPTION-INVALID', { what: '--projects names no project', next: 'name some, or leave it out for all that have a deploy.json' });
  const without = projects.filter((project) => !has(project)).map(({ name }) => name);
  if (without.length > 0) throw new DeployError('ND-CONFIG-MISSING', { what: `${without.join(', ')}: there is no ${CONFIG_FILE}`, next: `make it deployable: nx g nx-deploy:setup ${without.join(',')}` });
  return projects;
}

/** The text of each deploy.json with the environment. All files are judged before any is written. */
function extended(tree: Tree, projects: readonly Named[], options: EnvironmentOptions, nextPort: () => number): readonly string[] {
  const failures: DeployError[] = [];
  const texts = projects.map(({ root }) => {
    const file = joinPathFragments(root, CONFIG_FILE);
    try {
      return withIt(tree.read(file, 'utf8') ?? '', file, options, nextPort);
    } catch (thrown) {
      if (!(thrown instanceof DeployError)) throw thrown;
      failures.push(thrown);
      return '';
    }
  });
  const [first, ...more] = failures;
  if (first === undefined) return texts;
  if (more.length === 0) throw first;
  const problems = failures.flatMap(({ parts }) => [parts.what, ...parts.problems ?? []].map((line) => (parts.where === undefined ? line : `${parts.where}: ${line}`)));
  throw new DeployError(first.code, { what: `${failures.length} files of the workspace have problems`, problems, ...(first.parts.next === undefined ? {} : { next: first.parts.next }) });
}

function withIt(text: string, file: string, { name, from, platform, instances, strategy }: EnvironmentOptions, nextPort: () => number): string {
  if (from !== undefined) return withCopy(text, file, { name, from }, { platform, instances, strategy }, nextPort);
  return withEnvironments(text, file, [name], { platform: platform ?? 'local', instances, strategy, nextPort });
}

function write(tree: Tree, project: Named, { name, instances }: EnvironmentOptions, text: string, before: Before): readonly string[] {
  const { root } = project;
  const file = joinPathFragments(root, CONFIG_FILE);
  const present = tree.read(file, 'utf8') ?? '';
  const changed = text !== present;
  // What would be refused later is a fault here.
  const { config } = parseConfig(text, file);
  if (changed) tree.write(file, text);
  if (changed) before.set(file, present);
  writeEnvironmentFiles(tree, { project: project.name, root, environments: environmentNames(config).filter((each) => each === name), variables: readSource(tree, project).variables });
  return [
    `${printable(project.name)}: ${printable(file)} ${changed ? 'extended' : `has ${name}; left as it is`}`,
    ...(changed ? aboutInstances(config, [name], instances) : []).map((line) => `  - ${line}`),
  ];
}

/** Of the first that can be deployed so, where there is one. */
function next(tree: Tree, projects: readonly Named[], texts: readonly string[], environment: string): string {
  const plugin = pluginOptions(readNxJson(tree)) ?? {};
  const steps = projects.map((project, index) => nextStep(parseConfig(texts[index] ?? '', CONFIG_FILE).config, { project: project.name, environment, site: isSite(tree, project) }, plugin));
  return steps.find((step) => step.includes('--configuration=')) ?? steps[0] ?? '';
}

function aboutKeys(tree: Tree, { name, root }: Named, environment: string): readonly string[] {
  const keys = missingKeys(tree, root, environment);
  return keys.length === 0 ? [] : [`  - ${printable(name)}: still to be set in ${printable(joinPathFragments(root, `environments/${environment}.env`))}: ${keys.map(printable).join(', ')}`];
}

/** One line of ASCII, whatever a project or a folder is called. */
function printable(text: string): string {
  return text.replace(/[^ -~]/g, '?');
}
