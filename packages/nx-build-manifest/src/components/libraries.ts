import { resolve } from 'node:path';
import { statedVersionOf } from '../versions.js';
import type { ComponentFinder, GraphView } from './component.js';

export interface LibraryFacts {
  readonly name: string;
  /** Folder of the project, relative to the workspace. */
  readonly root: string;
  /** Of its package.json, where it states one. */
  readonly version?: string;
}

/** Names of all that can be reached from `from`, without itself: of projects, and of external packages as the graph calls them. */
export function reachable(graph: GraphView, from: readonly string[]): ReadonlySet<string> {
  const seen = new Set<string>();
  const waiting = [...from];
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    for (const { target } of Object.hasOwn(graph.dependencies, name) ? graph.dependencies[name] ?? [] : []) {
      if (seen.has(target) || from.includes(target)) continue;
      seen.add(target);
      waiting.push(target);
    }
  }
  return seen;
}

/** Projects that `projectName` depends on, sorted by name. */
export function projectsBehind(graph: GraphView, projectName: string): readonly { readonly name: string; readonly root: string }[] {
  const names = [...reachable(graph, [projectName])].filter((name) => Object.hasOwn(graph.nodes, name)).sort();
  return names.map((name) => ({ name, root: graph.nodes[name]?.data.root ?? '.' }));
}

export const libraries: ComponentFinder<'libraries'> = {
  kind: 'libraries',
  async find({ workspaceRoot, projectName, graph }) {
    if (graph === undefined) return undefined;
    return Promise.all(projectsBehind(graph, projectName).map(async ({ name, root }) => {
      const version = await statedVersionOf(resolve(workspaceRoot, root));
      return { name, root, ...(version === undefined ? {} : { version }) };
    }));
  },
};
