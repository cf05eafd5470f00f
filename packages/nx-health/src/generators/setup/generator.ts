/** Gives a service the health endpoint, and a project checks. */
import { addDependenciesToPackageJson, joinPathFragments, logger, offsetFromRoot, readJson, readJsonFile, readProjectConfiguration } from '@nx/devkit';
import type { GeneratorCallback, Tree } from '@nx/devkit';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type TypeScript from 'typescript';
import { addPreflight } from './deploy-file.js';
import { hasTag } from './health-file.js';
import { addEndpoint } from './service-source.js';

export interface SetupOptions {
  readonly project: string;
  readonly entry?: string;
  readonly port?: number;
  readonly skipEndpoint?: boolean;
  readonly skipPackageJson?: boolean;
}

/** The same path from src/generators/setup and from dist/generators/setup. */
const OWN_MANIFEST = join(__dirname, '../../../package.json');
const USUAL = ['src/main.ts', 'src/index.ts', 'src/server.ts', 'src/app.ts', 'src/main.js', 'src/index.js', 'src/server.js', 'src/app.js', 'main.js', 'index.js', 'server.js'];
const USUAL_PORT = 3_000;

/**
 * Writes what is missing and nothing else: running it again changes nothing. Nothing is formatted: the source is its writer's.
 * @throws Error that says what to do, before anything is written, when there is no server to be seen in the source
 */
export async function setupGenerator(tree: Tree, options: SetupOptions): Promise<GeneratorCallback> {
  const { root } = readProjectConfiguration(tree, options.project);
  if (options.skipEndpoint !== true) addToSource(tree, root, options);
  const tagged = addChecks(tree, root, options);
  const deploy = joinPathFragments(root, 'deploy.json');
  const text = tree.read(deploy, 'utf8');
  const more = text === null || !tagged ? undefined : addPreflight(text);
  if (more !== undefined && more !== text) tree.write(deploy, more);
  const install = options.skipPackageJson === true ? nothing : addPackage(tree);
  return install;
}

export default setupGenerator;

function addToSource(tree: Tree, root: string, { project, entry }: SetupOptions): void {
  const file = entry === undefined ? entryOf(tree, project, root) : joinPathFragments(root, entry);
  const by = 'create it by hand as docs/health-endpoint.md shows, or name the file that makes the server by --entry';
  if (file === undefined) throw new Error(`no source of ${project} was found (${USUAL.slice(0, 4).join(', ')}); ${by}`);
  const text = tree.read(file, 'utf8');
  if (text === null) throw new Error(`there is no file ${file}; name the file that makes the server by --entry, relative to ${root}`);
  const adding = addEndpoint(text, file, project.replace(/^@[^/]*\//, ''), typescript(tree.root));
  if (adding.state === 'added') tree.write(file, adding.text);
  else if (adding.state === 'unknown') throw new Error(`${file} was not changed, nor anything else: the source ${adding.why}; ${by}`);
}

function entryOf(tree: Tree, project: string, root: string): string | undefined {
  const { targets = {} } = readProjectConfiguration(tree, project);
  const options = (targets['build']?.options ?? {}) as Readonly<Record<string, unknown>>;
  const told = ['main', 'entryFile', 'entry'].map((key) => options[key]).find((value): value is string => typeof value === 'string');
  const inWorkspace = told?.replace('{workspaceRoot}/', '').replace('{projectRoot}', root);
  if (inWorkspace !== undefined && tree.exists(inWorkspace)) return inWorkspace;
  return USUAL.map((path) => joinPathFragments(root, path)).find((path) => tree.exists(path));
}

/** Whether there are checks with the tag `preflight` now: a deploy that asks for a tag that no check has fails. */
function addChecks(tree: Tree, root: string, { port = USUAL_PORT }: SetupOptions): boolean {
  const file = joinPathFragments(root, 'health.json');
  const there = tree.read(file, 'utf8');
  if (there !== null) return hasTag(there, 'preflight');
  const checks = {
    service: { kind: 'http', url: `http://127.0.0.1:${port}/health`, tags: ['service'] },
    disk: { kind: 'disk', path: '/', tags: ['preflight'] },
    memory: { kind: 'memory', severity: 'degrading', tags: ['preflight'] },
  };
  tree.write(file, `${JSON.stringify({ $schema: `${offsetFromRoot(root)}node_modules/nx-health/health.schema.json`, checks }, null, 2)}\n`);
  logger.info(`${file} checks the service at port ${port}: correct it where it listens elsewhere`);
  return true;
}

/** The service needs it when it runs, so that it is no development dependency. */
function addPackage(tree: Tree): GeneratorCallback {
  const { version = '' } = readJsonFile<{ readonly version?: string }>(OWN_MANIFEST);
  const { dependencies = {} } = tree.exists('package.json') ? readJson<{ readonly dependencies?: Readonly<Record<string, string>> }>(tree, 'package.json') : {};
  return dependencies['nx-health'] !== undefined ? nothing : addDependenciesToPackageJson(tree, { 'nx-health': version }, {});
}

/** That of the workspace: it knows the syntax that the workspace uses. */
function typescript(root: string): typeof TypeScript {
  for (const from of [join(root, 'package.json'), __filename]) {
    try {
      return createRequire(from)('typescript') as typeof TypeScript;
    } catch {
      // The next place.
    }
  }
  throw new Error('the source is read by the package typescript, which is not installed; run: npm install --save-dev typescript');
}

const nothing: GeneratorCallback = () => undefined;
