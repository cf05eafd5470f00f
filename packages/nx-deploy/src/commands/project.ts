/** Finds the workspace and the project that the bin was asked for. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { ProjectGraph, TargetConfiguration } from '@nx/devkit';
import { matchProjects } from '../config/match-project.js';
import { suggest } from '../config/suggest.js';
import { DeployError } from '../errors.js';
import { rememberedProject, type FoundProject } from './remembered-project.js';

/** The nearest folder upwards that has an nx.json. */
export function findWorkspace(from: string): string {
  for (let folder = from; ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'nx.json'))) return folder;
    if (dirname(folder) === folder) {
      throw new DeployError('ND-PROJECT-UNKNOWN', { what: 'this is no Nx workspace', where: from, why: 'no folder upwards has an nx.json', next: 'run the command inside a workspace' });
    }
  }
}

/** The project that is meant by a name: its own, or a part of it that no other has. The graph is Nx's own, so that names and roots are what `nx run` knows. */
export async function findProject(workspaceRoot: string, name: string): Promise<FoundProject> {
  // Nx looks for the workspace from its own variable or the current folder, and reads either when it is loaded.
  process.chdir(workspaceRoot);
  const remembered = rememberedProject(workspaceRoot, name, process.env);
  // The graph that Nx made last may be older than the project. One that is still deployable where it was is where it was.
  if (remembered !== undefined && existsSync(join(workspaceRoot, remembered.root, 'deploy.json'))) return remembered;
  const { nodes } = await projectGraph();
  const known = Object.keys(nodes).sort();
  const [found, ...more] = matchProjects(name, known);
  if (found !== undefined && more.length === 0) return { name: found, root: nodes[found]?.data.root ?? '.' };
  if (found !== undefined) {
    throw new DeployError('ND-PROJECT-UNKNOWN', { what: `${JSON.stringify(name)} may be several projects of this workspace`, where: workspaceRoot, why: `they are: ${[found, ...more].join(', ')}`, next: 'write the whole name of one' });
  }
  const near = suggest(name, known);
  throw new DeployError('ND-PROJECT-UNKNOWN', {
    what: `there is no project ${JSON.stringify(name)} in this workspace`,
    where: workspaceRoot,
    ...(near === undefined ? {} : { why: `did you mean ${near}?` }),
    next: `projects: ${known.join(', ')}`,
  });
}

/** All targets of a project that is there, those that plugins infer among them. Call it after {@link findProject}. */
export async function findTargets(name: string): Promise<Readonly<Record<string, TargetConfiguration>>> {
  const { nodes } = await projectGraph();
  return nodes[name]?.data.targets ?? {};
}

/** Roots of all projects, relative to the workspace. Call it after {@link findProject}. */
export async function findRoots(): Promise<readonly string[]> {
  return Object.values((await projectGraph()).nodes).map(({ data }) => data.root);
}

export async function projectGraph(): Promise<ProjectGraph> {
  const { createProjectGraphAsync } = await import('@nx/devkit');
  return createProjectGraphAsync({ exitOnError: false });
}
