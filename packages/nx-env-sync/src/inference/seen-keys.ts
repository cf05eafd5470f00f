/** What the files of a project tell of its variables. */
import { joinPathFragments, visitNotIgnoredFiles, type ProjectConfiguration, type Tree } from '@nx/devkit';
import { ENVIRONMENT_EXTENSION, ENVIRONMENTS_FOLDER, isEnvironmentName, SECRETS_EXTENSION } from '../environment-name.js';
import { isVariableName, parseEnvFile } from '../parse-env-file.js';
import { isReservedName } from '../reserved-names.js';
import type { SeenKey } from './infer-rule.js';
import type { ReadVariables, VariableRead } from './variable-reads.js';

const SOURCE = /\.[cm]?[jt]sx?$/;
const TEST = /(?:^|\/)(?:__tests__|__mocks__|tests?|e2e|node_modules|dist|build|coverage)\/|\.(?:spec|test|d)\.[cm]?[jt]sx?$|(?:^|\/)[\w-]+\.config\.[cm]?[jt]s$/;
/** Characters; more is what a program wrote. */
const LARGEST_SOURCE = 500_000;
/** Set by Node, npm, the shell or Nx: no matter of an environment file. */
const OF_THE_SYSTEM = /^(?:NODE_ENV|NODE_OPTIONS|CI|HOME|PATH|PWD|USER|SHELL|LANG|TZ|TMPDIR|npm_.*|NX_.*)$/;
/** `.env`, `.env.production`, `.env.production.local`: what frameworks read beside the project file. */
const DOTENV = /^\.env(?:\.[\w.-]+)?$/;

interface EnvFile {
  /** Files of one environment say together what it sets; undefined for those that count for all, or are examples. */
  readonly environment: string | undefined;
  readonly values: ReadonlyMap<string, string>;
}

/** Keys of the environment files and of the source, without those that the platform or the system sets. */
export function seenKeys(tree: Tree, project: ProjectConfiguration, { shared, readVariables }: { readonly shared: boolean; readonly readVariables: ReadVariables | undefined }): ReadonlyMap<string, SeenKey> {
  const own = [...environmentFiles(tree, joinPathFragments(project.root, ENVIRONMENTS_FOLDER)), ...dotenvFiles(tree, project.root)];
  const files = shared ? [...own, ...environmentFiles(tree, ENVIRONMENTS_FOLDER)] : own;
  const environments = new Set(files.flatMap(({ environment }) => environment ?? []));
  const reads = readVariables === undefined ? [] : sourceReads(tree, project, readVariables);
  const names = new Set([...files.flatMap(({ values }) => [...values.keys()]), ...reads.map(({ name }) => name).filter((name) => !OF_THE_SYSTEM.test(name))]);
  return new Map([...names].filter((name) => isVariableName(name) && !isReservedName(name)).map((name) => {
    const setting = files.filter(({ values }) => values.has(name));
    const setIn = new Set(setting.map(({ environment }) => environment));
    const values = setting.map((file) => file.values.get(name) ?? '');
    return [name, { values, everywhere: environments.size > 0 && [...environments].every((environment) => setIn.has(environment)), reads: reads.filter((read) => read.name === name) }];
  }));
}

function valuesIn(tree: Tree, file: string): ReadonlyMap<string, string> {
  const { values } = parseEnvFile(tree.read(file, 'utf8') ?? '', file);
  return new Map([...values].map(([key, { value }]) => [key, value]));
}

function environmentFiles(tree: Tree, folder: string): EnvFile[] {
  const names = tree.exists(folder) ? tree.children(folder) : [];
  return names.filter((name) => name.endsWith(ENVIRONMENT_EXTENSION) && !name.endsWith(SECRETS_EXTENSION))
    .map((name) => ({ environment: name.slice(0, -ENVIRONMENT_EXTENSION.length), values: valuesIn(tree, joinPathFragments(folder, name)) }))
    .filter(({ environment }) => isEnvironmentName(environment));
}

function dotenvFiles(tree: Tree, root: string): EnvFile[] {
  return tree.children(root).filter((name) => DOTENV.test(name) && tree.isFile(joinPathFragments(root, name))).map((name) => ({ environment: undefined, values: valuesIn(tree, joinPathFragments(root, name)) }));
}

function sourceReads(tree: Tree, { root, sourceRoot }: ProjectConfiguration, readVariables: ReadVariables): VariableRead[] {
  const folder = sourceRoot !== undefined && tree.exists(sourceRoot) ? sourceRoot : root;
  const reads: VariableRead[] = [];
  visitNotIgnoredFiles(tree, folder, (file) => {
    if (!SOURCE.test(file) || TEST.test(root === '.' ? file : file.slice(root.length + 1))) return;
    const text = tree.read(file, 'utf8') ?? '';
    // Parsing takes long, and most files read no variable.
    if (text.length <= LARGEST_SOURCE && text.includes('env')) reads.push(...readVariables(text, file));
  });
  return reads;
}
