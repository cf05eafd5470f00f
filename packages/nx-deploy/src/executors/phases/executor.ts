import type { ExecutorContext } from '@nx/devkit';
import { phases, type PhasesOptions } from '../../commands/phases.js';
import { runInNx, type NxOptions } from '../run-in-nx.js';

export type PhasesExecutorOptions = PhasesOptions & NxOptions;

/** `nx run <project>:phases` */
export default function phasesExecutor(options: PhasesExecutorOptions, context: ExecutorContext): Promise<{ success: boolean }> {
  return runInNx(options, context, (command) => phases(command, options, () => Promise.resolve(context.projectsConfigurations.projects[command.projectName]?.targets ?? {})));
}
