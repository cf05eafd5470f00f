/** What all executors of this package take from Nx. */
import type { ExecutorContext } from '@nx/devkit';
import { EnvSyncError } from '../errors.js';
import { knownEnvironments } from '../environment-name.js';
import type { Place } from '../stores/store.js';

export type TaskContext = Pick<ExecutorContext, 'root' | 'projectName' | 'targetName' | 'configurationName' | 'projectsConfigurations' | 'taskGraph'>;

export function placeOf(context: TaskContext): Place {
  const projectName = context.projectName ?? '';
  return { workspaceRoot: context.root, projectRoot: context.projectsConfigurations.projects[projectName]?.root ?? '.', projectName, variables: process.env };
}

/** The one that was given, else the name of the configuration. */
export async function environmentOf(given: string | undefined, context: TaskContext, form: string): Promise<string> {
  const environment = given ?? context.configurationName ?? '';
  if (environment !== '') return environment;
  const known = await knownEnvironments(placeOf(context));
  throw new EnvSyncError('refused', { what: 'no environment was named', next: `write ${form}${known.length === 0 ? '' : `; known: ${known.join(', ')}`}` });
}
