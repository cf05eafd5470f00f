/** The project graph that Nx wrote down last, read without loading Nx, which alone takes longer than everything else that `status` does. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { matchProjects } from '../config/match-project.js';

/** Where Nx keeps it; the variables are Nx's own, and the later one is their older name. */
function graphFile(workspaceRoot: string, variables: NodeJS.ProcessEnv): string {
  const folder = variables['NX_WORKSPACE_DATA_DIRECTORY'] ?? variables['NX_PROJECT_GRAPH_CACHE_DIRECTORY'] ?? '.nx/workspace-data';
  return resolve(workspaceRoot, folder, 'project-graph.json');
}

export interface FoundProject {
  readonly name: string;
  /** Relative to the workspace. */
  readonly root: string;
}

/**
 * The project as Nx knew it last; it may be out of date. Undefined when Nx has written no whole graph down, when not exactly one project
 * can be meant by the name, or when the file has another form: whoever asks then asks Nx itself.
 */
export function rememberedProject(workspaceRoot: string, name: string, variables: NodeJS.ProcessEnv): FoundProject | undefined {
  const graph = read(graphFile(workspaceRoot, variables));
  const errors = child(graph, 'errors');
  if (Array.isArray(errors) && errors.length > 0) return undefined;
  const nodes = child(graph, 'nodes');
  if (typeof nodes !== 'object' || nodes === null) return undefined;
  const [found, ...more] = matchProjects(name, Object.keys(nodes));
  if (found === undefined || more.length > 0) return undefined;
  const root = child(child(child(nodes, found), 'data'), 'root');
  return typeof root === 'string' ? { name: found, root } : undefined;
}

function read(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

function child(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
  return (value as Readonly<Record<string, unknown>>)[key];
}
