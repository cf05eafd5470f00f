import { realpathSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { lockedOf, packageComponent, projectComponent, type Component } from './component.js';
import { declared, declares, isOptionalPeer, type ExternalNode, type PackageManifest, type ProjectGraphFacts } from './graph.js';
import { entryOf } from '../reading.js';
import { installedPackages, readManifest, type Installed } from './installed.js';
import { npmLockManifests } from './npm-lock.js';

/** A project with everything that it needs in production. */
export interface Inventory {
  readonly subject: Component;
  /** Sorted by `ref`; the subject is none of them. */
  readonly components: readonly Component[];
  /** By the `ref` of the component that needs; targets sorted. */
  readonly needs: ReadonlyMap<string, readonly Need[]>;
}

export interface Need {
  readonly ref: string;
  readonly optional: boolean;
}

export interface InventoryQuery {
  readonly workspaceRoot: string;
  readonly projectName: string;
  readonly version: string;
  readonly graph: ProjectGraphFacts;
}

interface Edge {
  readonly target: string;
  readonly optional: boolean;
  /** The name that it is installed under, where the node does not tell. */
  readonly alias?: string;
}

/** What the walk knows of a node of the graph. */
interface Known {
  manifest?: PackageManifest | undefined;
  /** Where its own packages are looked for. */
  folder?: string;
  edges: readonly Edge[];
}

/**
 * Collects the production dependencies of a project and all that these need, from the graph.
 * Of a project with a package.json its `dependencies`, `optionalDependencies` and `peerDependencies`; and what its files import and the workspace's
 * package.json has in `dependencies`. Development dependencies, declared (`implicit`) ones and peers that may be missing are left out.
 * @throws Error that names every declared dependency which the lock file does not hold
 */
export function inventoryOf({ workspaceRoot, projectName, version, graph }: InventoryQuery): Inventory {
  const root = realpathSync(resolve(workspaceRoot));
  const walk = new Walk(root, graph);
  walk.from(projectName);
  if (walk.missing.length > 0) throw new Error(`not in the lock file: ${walk.missing.join('; ')}; install the dependencies so that the lock file is complete`);
  const required = reachable(projectName, walk.known, (edge) => !edge.optional);
  const byNode = new Map<string, Component>();
  for (const [node, { manifest }] of walk.known) byNode.set(node, componentOf(node, manifest, !required.has(node)));
  return assembled(projectName, byNode, walk.known);

  function componentOf(node: string, manifest: PackageManifest | undefined, optional: boolean): Component {
    const external = entryOf(graph.externalNodes, node);
    if (external !== undefined) return packageComponent(external, manifest, optional);
    const kind = node === projectName ? 'application' : 'library';
    return projectComponent(kind, node, entryOf(graph.nodes, node)?.data.root ?? '.', manifest, node === projectName ? version : undefined);
  }
}

function reachable(start: string, known: ReadonlyMap<string, Known>, follows: (edge: Edge) => boolean): ReadonlySet<string> {
  const seen = new Set([start]);
  const queue = [start];
  for (let node = queue.pop(); node !== undefined; node = queue.pop()) {
    for (const edge of known.get(node)?.edges ?? []) {
      if (!follows(edge) || seen.has(edge.target)) continue;
      seen.add(edge.target);
      queue.push(edge.target);
    }
  }
  return seen;
}

/** Several nodes may be one package: under its name and under an alias. */
function assembled(start: string, byNode: ReadonlyMap<string, Component>, known: ReadonlyMap<string, Known>): Inventory {
  const components = new Map<string, Component>();
  const needs = new Map<string, Map<string, boolean>>();
  for (const [node, component] of byNode) {
    const other = components.get(component.ref);
    components.set(component.ref, other === undefined || other.optional ? component : other);
    const own = needs.get(component.ref) ?? new Map<string, boolean>();
    for (const { target, optional } of known.get(node)?.edges ?? []) {
      const ref = byNode.get(target)?.ref;
      if (ref !== undefined && ref !== component.ref) own.set(ref, optional && own.get(ref) !== false);
    }
    needs.set(component.ref, own);
  }
  const subject = byNode.get(start);
  if (subject === undefined) throw new Error(`there is no project ${start}`);
  const order = (a: { readonly ref: string }, b: { readonly ref: string }): number => (a.ref < b.ref ? -1 : a.ref > b.ref ? 1 : 0);
  return {
    subject,
    components: [...components.values()].filter(({ ref }) => ref !== subject.ref).sort(order),
    needs: new Map([...needs].map(([ref, targets]) => [ref, [...targets].map(([target, optional]) => ({ ref: target, optional })).sort(order)])),
  };
}

/** Walks the graph and finds the package.json of every node on the way. */
class Walk {
  readonly known = new Map<string, Known>();
  readonly missing: string[] = [];
  readonly #find: ReturnType<typeof installedPackages>;
  readonly #locked: ReturnType<typeof npmLockManifests>;
  readonly #workspace: PackageManifest | undefined;

  constructor(readonly root: string, readonly graph: ProjectGraphFacts) {
    this.#find = installedPackages(root);
    this.#locked = npmLockManifests(root);
    this.#workspace = readManifest(root);
  }

  from(project: string): void {
    const queue = [project];
    for (let node = queue.pop(); node !== undefined; node = queue.pop()) {
      const own = this.known.get(node) ?? this.#project(node);
      this.known.set(node, own);
      for (const edge of own.edges) if (this.#visit(edge, own.folder ?? this.root)) queue.push(edge.target);
    }
  }

  /** true when its edges are to be looked at (again): it is new, or was found to be installed only now. */
  #visit({ target, alias }: Edge, from: string): boolean {
    const before = this.known.get(target);
    if (before?.folder !== undefined) return false;
    const external = entryOf(this.graph.externalNodes, target);
    if (external === undefined) return before === undefined;
    const installed = this.#find(alias ?? external.data.packageName, from, fitting(external));
    if (before !== undefined && installed === undefined) return false;
    const locked = lockedOf(external);
    const manifest = installed?.manifest ?? this.#locked.get(`${locked.name}@${locked.version ?? ''}`);
    this.known.set(target, { manifest, edges: this.#edgesOfPackage(target, manifest), ...folderOf(installed) });
    return true;
  }

  #edgesOfPackage(node: string, manifest: PackageManifest | undefined): readonly Edge[] {
    return (entryOf(this.graph.dependencies, node) ?? []).flatMap(({ target }) => {
      const name = entryOf(this.graph.externalNodes, target)?.data.packageName;
      if (name === undefined || isOptionalPeer(manifest, name)) return [];
      return [{ target, optional: declares(manifest, 'optionalDependencies', name) }];
    });
  }

  #project(node: string): Known {
    const data = entryOf(this.graph.nodes, node)?.data;
    if (data === undefined) throw new Error(`there is no project ${node} in the project graph`);
    const folder = join(this.root, data.root);
    const manifest = data.root === '.' ? this.#workspace : readManifest(folder);
    const edges = new Map<string, Edge>();
    for (const { target, type } of entryOf(this.graph.dependencies, node) ?? []) {
      const edge = type === 'implicit' ? undefined : this.#edgeOfProject(target, manifest);
      if (edge !== undefined) edges.set(target, edge);
    }
    this.#addDeclared(node, manifest, edges);
    return { manifest, folder, edges: [...edges.values()] };
  }

  #edgeOfProject(target: string, manifest: PackageManifest | undefined): Edge | undefined {
    const name = entryOf(this.graph.externalNodes, target)?.data.packageName ?? nameOf(readManifest(join(this.root, entryOf(this.graph.nodes, target)?.data.root ?? '.'))) ?? target;
    if (isOptionalPeer(manifest, name)) return undefined;
    if (declares(manifest, 'dependencies', name) || declares(manifest, 'peerDependencies', name)) return { target, optional: false };
    if (declares(manifest, 'optionalDependencies', name)) return { target, optional: true };
    if (declares(manifest, 'devDependencies', name)) return undefined;
    if (entryOf(this.graph.externalNodes, target) === undefined) return { target, optional: false };
    if (declares(this.#workspace, 'dependencies', name)) return { target, optional: false };
    return declares(this.#workspace, 'optionalDependencies', name) ? { target, optional: true } : undefined;
  }

  /** Declared dependencies to which the graph has no edge: Nx knows no alias that only a project of pnpm or bun uses. */
  #addDeclared(node: string, manifest: PackageManifest | undefined, edges: Map<string, Edge>): void {
    const names = new Set([...edges.keys()].map((target) => entryOf(this.graph.externalNodes, target)?.data.packageName));
    for (const [name, specifier] of declared(manifest, 'dependencies')) {
      if (names.has(name) || /^(?:workspace|file|link|portal):/.test(specifier) || this.#isProject(name)) continue;
      const target = this.#locate(name, specifier);
      if (target === undefined) this.missing.push(`${name} (dependencies of ${entryOf(this.graph.nodes, node)?.data.root ?? node}/package.json)`);
      else edges.set(target, { target, optional: false, alias: name });
    }
  }

  /** The node that a declaration means, if there is no doubt. */
  #locate(name: string, specifier: string): string | undefined {
    const [, alias, version] = /^npm:(@?[^@]+)@?(.*)$/.exec(specifier) ?? [];
    const nodes = this.graph.externalNodes ?? {};
    if (alias === undefined && Object.hasOwn(nodes, `npm:${name}`)) return `npm:${name}`;
    const own = Object.entries(nodes).filter(([, external]) => lockedOf(external).name === (alias ?? name));
    const [exact] = own.filter(([, external]) => lockedOf(external).version === (version ?? specifier));
    return exact?.[0] ?? (own.length === 1 ? own[0]?.[0] : undefined);
  }

  #isProject(name: string): boolean {
    return Object.values(this.graph.nodes).some(({ data }) => nameOf(readManifest(join(this.root, data.root))) === name);
  }
}

function nameOf(manifest: PackageManifest | undefined): string | undefined {
  return typeof manifest?.name === 'string' ? manifest.name : undefined;
}

function folderOf(installed: Installed | undefined): { folder?: string } {
  return installed === undefined ? {} : { folder: installed.folder };
}

function fitting(node: ExternalNode): (manifest: PackageManifest) => boolean {
  const { name, version } = lockedOf(node);
  return (manifest) => (version === undefined ? manifest.name === name : manifest.version === version);
}
