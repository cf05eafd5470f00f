import type { TaskContext } from './selection.js';

/** A workspace with one project, api, in apps/api. */
export function contextOf(root: string): TaskContext {
  return { root, projectName: 'api', projectsConfigurations: { version: 2, projects: { api: { root: 'apps/api' } } } };
}
