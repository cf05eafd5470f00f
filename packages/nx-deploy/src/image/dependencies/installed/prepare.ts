/** The package.json and lock file that are installed from: those of the build, or what Nx prunes out of the workspace's. */
import { lstat, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { quoted } from '../../../archive/manifest.js';
import { FILES_AT_ONCE, mapLimited } from '../../../archive/parallel.js';
import { walk } from '../../../archive/walk.js';
import { DeployError } from '../../../errors.js';
import type { BuildSite } from '../../builder.js';
import type { OutputFolder } from '../output-folder.js';
import { loadNx, type DeployManifest, type Graph } from './graph.js';
import { managerOf, type Manager } from './package-program.js';
import { pruneBun } from './prune-bun.js';
import { assertFresh, readManifest } from './stale.js';

export interface Prepared {
  readonly manager: Manager;
  /** Contents by path, relative to the folder of the install: the same for all services that have the same dependencies. */
  readonly files: ReadonlyMap<string, string | Buffer>;
  /** Names of the build's output that were taken into the install, and of which the image needs no second copy. */
  readonly taken: ReadonlySet<string>;
  /** Packages of the workspace that the service depends on: folders by name, relative to the workspace. */
  readonly libraries: ReadonlyMap<string, string>;
}

/** What generatePackageJson and @nx/js:prune-lockfile, copy-workspace-modules write beside the lock file. */
const BESIDE = ['pnpm-workspace.yaml', '.yarnrc.yml', 'patches', '.yarn', 'workspace_modules', 'local_path_modules'] as const;
/** Where the second of them copies libraries to. npm and bun link to them; of them npm reads the manifests alone, so that their code makes no layer of packages new. */
export const COPIED = 'workspace_modules/';
const LINKING: ReadonlySet<string> = new Set(['npm', 'bun']);
const SECTIONS = ['dependencies', 'optionalDependencies', 'peerDependencies'] as const;
/** Of a manifest what an install reads; names and versions of services would keep them from sharing a layer. */
const KEPT = [...SECTIONS, 'peerDependenciesMeta', 'overrides', 'resolutions', 'pnpm', 'packageManager', 'allowScripts', 'dependenciesMeta', 'trustedDependencies'] as const;
const NAME = { name: 'service', version: '0.0.0', private: true } as const;

export async function prepare(site: BuildSite, output: OutputFolder): Promise<Prepared> {
  const built = await readManifest(join(output.folder, 'package.json')) === undefined ? undefined : await managerOf(output.folder);
  // The workspace itself as the output brings its own lock file, development dependencies and all: it is pruned like any other.
  if (built === undefined || output.base === '.') return pruned(site, output.workspaceRoot);
  // For yarn Nx writes lock files that do not know the libraries which it copies; yarn takes none of them.
  if (built.name === 'yarn' && await lstat(join(output.folder, COPIED)).then(() => true, () => false)) return { ...await pruned(site, output.workspaceRoot), taken: new Set([built.lockFile, ...BESIDE]) };
  await assertFresh(built, output.folder, ['.']);
  return ofBuild(built, output.folder);
}

async function ofBuild(manager: Manager, folder: string): Promise<Prepared> {
  const { files: all, problems } = await walk(folder, new Set(['node_modules']));
  if (problems.length > 0) throw unusable(folder, problems.join(', '));
  const paths = all.filter((path) => path === 'package.json' || path === manager.lockFile || BESIDE.some((name) => path === name || path.startsWith(`${name}/`)));
  const linked = LINKING.has(manager.name);
  const read = paths.filter((path) => manager.name !== 'npm' || !path.startsWith(COPIED) || path.endsWith('/package.json'));
  const contents = await mapLimited(read, FILES_AT_ONCE, async (path) => [path, withoutScripts(manager, path, await readFile(join(folder, path)))] as const);
  return { manager, files: new Map(contents), taken: new Set([manager.lockFile, ...BESIDE.filter((name) => !linked || `${name}/` !== COPIED)]), libraries: new Map() };
}

/** A copied library was built already, and what its scripts need is not there; npm would run them for what it links. */
function withoutScripts({ name }: Manager, path: string, content: Buffer): string | Buffer {
  if (name !== 'npm' || !path.startsWith(COPIED)) return content;
  try {
    const { scripts: _scripts, ...manifest } = JSON.parse(content.toString()) as Record<string, unknown>;
    return JSON.stringify(manifest);
  } catch {
    return content;
  }
}

async function pruned(site: BuildSite, workspaceRoot: string): Promise<Prepared> {
  const manager = await managerOf(workspaceRoot);
  if (manager === undefined) throw new DeployError('ND-LOCKFILE', { what: 'there is no lock file', where: workspaceRoot, next: 'install with npm, pnpm, yarn or bun, and commit the lock file' });
  const lockFile = join(workspaceRoot, manager.lockFile);
  if (manager.lockFile === 'bun.lockb') throw unusable(lockFile, 'a binary lock file of bun cannot be pruned', 'run: bun install --save-text-lockfile --frozen-lockfile --lockfile-only; then remove bun.lockb');
  const nx = loadNx(workspaceRoot, site.variables);
  const graph = await nx.graph();
  if (graph.nodes[site.projectName] === undefined) throw unusable(workspaceRoot, `Nx knows no project ${JSON.stringify(site.projectName)}`);
  await assertFresh(manager, workspaceRoot, [...new Set(['.', ...Object.values(graph.nodes).map(({ data }) => data.root)])]);
  const packages = await workspacePackages(graph, workspaceRoot);
  const manifest = withoutOwn(nx.createPackageJson(site.projectName, graph, { root: workspaceRoot, isProduction: true }), packages, graph);
  if (manager.name !== 'pnpm') assertNoPaths(lockFile, manifest);
  assertOneVersion(site.projectName, manifest, graph);
  const libraries = reachable(site.projectName, graph, packages);
  if (manager.name === 'bun') return { manager, files: await prunedBun(lockFile, manifest, [...packages].flatMap(([name, project]) => (project === site.projectName || libraries.has(name) ? [name] : []))), taken: new Set(), libraries };
  const files = new Map<string, string | Buffer>();
  nx.generatePrunedDeployOutput(manifest, graph, site.projectRoot, { emit: (path, content) => files.set(path, content), packageManager: manager.name, workspaceRoot });
  const lock = files.get(manager.lockFile);
  // When it fails to prune, Nx gives the lock file of the whole workspace. Yarn 1 passes over what is not needed, and its lock file names no folder: it may be the same.
  if (lock === undefined || (manager.classic !== true && lock.toString() === await readFile(lockFile, 'utf8') && packages.size > 1)) throw unusable(lockFile, 'Nx could not prune it for this project; its message is above');
  files.set('package.json', `${JSON.stringify(manifest, undefined, 2)}\n`);
  return { manager, files, taken: new Set(), libraries };
}

async function prunedBun(lockFile: string, manifest: DeployManifest, below: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const found = pruneBun(await readFile(lockFile, 'utf8'), manifest, below);
  if ('lock' in found) return new Map([['bun.lock', found.lock], ['package.json', `${JSON.stringify(found.manifest, undefined, 2)}\n`]]);
  throw refused(lockFile, found);
}

function refused(where: string, problems: readonly string[]): DeployError {
  return new DeployError('ND-LOCKFILE', { what: 'the dependencies cannot be installed from this lock file', where, problems, next: 'make such a package one of the workspace, or use dependencies "traced", which takes what is installed' });
}

function unusable(where: string, why: string, next = 'correct it, or use dependencies "traced"'): DeployError {
  return new DeployError('ND-LOCKFILE', { what: 'the dependencies cannot be installed from this lock file', where, why, next });
}

/** Names of projects that are packages, with the project of each. */
async function workspacePackages(graph: Graph, workspaceRoot: string): Promise<ReadonlyMap<string, string>> {
  const found = await mapLimited(Object.entries(graph.nodes), FILES_AT_ONCE, async ([project, { data }]) => [(await readManifest(join(workspaceRoot, data.root, 'package.json')))?.name, project] as const);
  return new Map(found.flatMap(([name, project]) => (name === undefined ? [] : [[name, project] as const])));
}

/** Workspace packages are copied, not installed; references to a catalog become the version that the lock file has. */
function withoutOwn(manifest: DeployManifest, packages: ReadonlyMap<string, string>, graph: Graph): DeployManifest {
  const kept: DeployManifest = { ...NAME, ...Object.fromEntries(KEPT.flatMap((key) => (manifest[key] === undefined ? [] : [[key, manifest[key]]]))) };
  for (const section of SECTIONS) {
    const ranges = kept[section];
    if (ranges === undefined) continue;
    const third = Object.entries(ranges).filter(([name]) => !packages.has(name));
    kept[section] = Object.fromEntries(third.map(([name, range]) => [name, range.startsWith('catalog:') ? graph.externalNodes?.[`npm:${name}`]?.data.version ?? range : range]));
    if (third.length === 0) delete kept[section];
  }
  return kept;
}

/** They lead nowhere in the folder of the install. Of pnpm Nx takes along what they lead to. */
function assertNoPaths(lockFile: string, manifest: DeployManifest): void {
  const problems = SECTIONS.flatMap((section) => Object.entries(manifest[section] ?? {}).filter(([, range]) => /^(?:file|link|portal):/.test(range)).map(([name, range]) => `${section}.${name}: ${quoted(range)} is a file or folder of the workspace`));
  if (problems.length > 0) throw refused(lockFile, problems.sort());
}

/** All in one node_modules is right only where the service and its libraries agree about the versions. */
function assertOneVersion(project: string, manifest: DeployManifest, graph: Graph): void {
  const versions = new Map<string, Map<string, string>>();
  for (const one of projectsBelow(project, graph)) {
    for (const { target } of graph.dependencies[one] ?? []) {
      const node = graph.externalNodes?.[target]?.data;
      if (node === undefined || manifest.dependencies?.[node.packageName] === undefined) continue;
      const users = versions.get(node.packageName) ?? new Map<string, string>();
      versions.set(node.packageName, users.set(node.version, users.get(node.version) ?? one));
    }
  }
  const problems = [...versions].filter(([, users]) => users.size > 1).map(([name, users]) => `${name}: ${[...users].map(([version, user]) => `${version} in ${user}`).join(', ')}`);
  if (problems.length === 0) return;
  throw new DeployError('ND-LOCKFILE', {
    what: 'the service and its libraries need different versions of the same package', where: project, problems: problems.sort(),
    next: 'bring them to one version, or use dependencies "traced", which keeps each where it is',
  });
}

function projectsBelow(project: string, graph: Graph): ReadonlySet<string> {
  const seen = new Set([project]);
  for (const one of seen) for (const { target } of graph.dependencies[one] ?? []) if (graph.nodes[target] !== undefined) seen.add(target);
  return seen;
}

function reachable(project: string, graph: Graph, packages: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const below = projectsBelow(project, graph);
  return new Map([...packages].flatMap(([name, one]) => {
    const root = graph.nodes[one]?.data.root;
    return one === project || root === undefined || !below.has(one) ? [] : [[name, root] as const];
  }));
}
