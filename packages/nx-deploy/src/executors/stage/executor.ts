import type { ExecutorContext } from '@nx/devkit';
import { stage, type StageOptions } from '../../commands/stage.js';
import { runInNx, type NxOptions } from '../run-in-nx.js';

export type StageExecutorOptions = StageOptions & NxOptions;

/** `nx run <project>:stage` */
export default function stageExecutor(options: StageExecutorOptions, context: ExecutorContext): Promise<{ success: boolean }> {
  return runInNx(options, context, (command) => stage(command, options, () => Promise.resolve(Object.values(context.projectsConfigurations.projects).map(({ root }) => root))));
}
