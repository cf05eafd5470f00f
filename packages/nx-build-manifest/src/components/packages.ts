import { join, resolve, sep } from 'node:path';
import { isPackageName } from '../package-name.js';
import { entryOf } from '../reading.js';
import { readPackage } from '../versions.js';
import type { ComponentFinder, GraphView, ProjectView } from './component.js';
import { InstalledPackages, realFolder, wantsOf, type Installed, type Wants } from './installed.js';
import { projectsBehind, reachable } from './libraries.js';

export interface PackageFacts {
  readonly name: string;
  readonly version: string;
  /** As the package states it, mostly an SPDX expression; absent when it states none or is not installed. */
  readonly license?: string;
}

export interface PackagesFacts {
  readonly count: number;
  /** Sorted by name, then by version. */
  readonly list: readonly PackageFacts[];
  /** Asked for at run time but not installed, sorted. */
  readonly missing?: readonly string[];
}

interface Root {
  readonly folder: string;
  readonly wants: Wants;
}

const compare = (a: string, b: string): number => (a === b ? 0 : a < b ? -1 : 1);

/** What the graph says that a project without a package.json imports, except what the workspace has for development only. */
async function importedBy(name: string, graph: GraphView, workspaceRoot: string): Promise<Wants> {
  const content = await readPackage(join(workspaceRoot, 'package.json')) ?? {};
  const { devDependencies } = content;
  const { required, optional } = wantsOf(content);
  const development = typeof devDependencies === 'object' && devDependencies !== null ? Object.keys(devDependencies).filter((each) => ![...required, ...optional].includes(each)) : [];
  const imported = (entryOf(graph.dependencies, name) ?? []).flatMap(({ target }) => entryOf(graph.externalNodes, target)?.data.packageName ?? []).filter(isPackageName);
  return { required: [...new Set(imported)].filter((each) => !development.includes(each)), optional: [] };
}

/** The project, and the libraries of the workspace behind it: each with its package.json or, without one, by what it imports. */
async function rootsOf({ workspaceRoot, projectRoot, projectName, graph }: ProjectView): Promise<readonly Root[]> {
  const behind = graph === undefined ? [] : projectsBehind(graph, projectName).map(({ name, root }) => ({ name, folder: resolve(workspaceRoot, root) }));
  const roots = await Promise.all([{ name: projectName, folder: projectRoot }, ...behind].map(async ({ name, folder }) => {
    const content = await readPackage(join(folder, 'package.json'));
    if (content !== undefined) return { folder, wants: wantsOf(content) };
    return graph === undefined ? undefined : { folder, wants: await importedBy(name, graph, workspaceRoot) };
  }));
  const known = roots.filter((root) => root !== undefined);
  if (known.length > 0) return known;
  const content = await readPackage(join(workspaceRoot, 'package.json'));
  return content === undefined ? [] : [{ folder: workspaceRoot, wants: wantsOf(content) }];
}

/** Everything that can be reached from the roots through node_modules, by folder, and the names that cannot be found. */
async function installedFrom(workspaceRoot: string, roots: readonly Root[]): Promise<{ readonly found: readonly Installed[]; readonly missing: readonly string[] }> {
  const real = await realFolder(workspaceRoot);
  const packages = new InstalledPackages(real);
  const found = new Map<string, Installed>();
  const missing = new Set<string>();
  let level: readonly Root[] = await Promise.all(roots.map(async ({ folder, wants }) => ({ folder: await realFolder(folder), wants })));
  while (level.length > 0) {
    const lookups = level.flatMap(({ folder, wants }) => [...wants.required.map((name) => ({ folder, name, required: true })), ...wants.optional.map((name) => ({ folder, name, required: false }))]);
    const results = await Promise.all(lookups.map(async ({ folder, name, required }) => ({ name, required, installed: await packages.find(folder, name) })));
    const next: Installed[] = [];
    for (const { name, required, installed } of results) {
      if (installed === undefined && required) missing.add(name);
      if (installed === undefined || found.has(installed.folder)) continue;
      found.set(installed.folder, installed);
      next.push(installed);
    }
    level = next;
  }
  // Packages of the workspace are linked into node_modules; they are not third parties, but what they ask for is.
  const thirdParties = [...found.values()].filter(({ folder }) => folder.includes(`${sep}node_modules${sep}`));
  return { found: thirdParties, missing: [...missing].sort() };
}

/** Where nothing is installed, as with Plug'n'Play: what the graph took from the lock file, without licences. */
function listedInGraph(graph: GraphView, projectName: string): readonly PackageFacts[] {
  return [...reachable(graph, [projectName])].flatMap((name) => {
    const data = entryOf(graph.externalNodes, name)?.data;
    return data === undefined ? [] : [{ name: data.packageName, version: data.version }];
  });
}

/** One of each name and version: the same package may be installed in several places. */
function sorted(packages: readonly PackageFacts[]): readonly PackageFacts[] {
  const unique = new Map(packages.map(({ name, version, license }) => [`${name}@${version}`, { name, version, ...(license === undefined ? {} : { license }) }]));
  return [...unique.values()].sort((a, b) => compare(a.name, b.name) || compare(a.version, b.version));
}

export const packages: ComponentFinder<'packages'> = {
  kind: 'packages',
  async find(project) {
    const roots = await rootsOf(project);
    if (roots.length === 0) return undefined;
    const { found, missing } = await installedFrom(project.workspaceRoot, roots);
    const listed = found.length === 0 && missing.length > 0 && project.graph !== undefined ? listedInGraph(project.graph, project.projectName) : [];
    const list = sorted(listed.length > 0 ? listed : found);
    const absent = missing.filter((name) => !list.some((one) => one.name === name));
    return { count: list.length, list, ...(absent.length === 0 ? {} : { missing: absent }) };
  },
};
