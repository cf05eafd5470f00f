import type { ExecutorContext } from '@nx/devkit';
import { buildImage, type BuildImageOptions } from '../../commands/build-image.js';
import { runInNx, type NxOptions } from '../run-in-nx.js';

export type BuildImageExecutorOptions = BuildImageOptions & NxOptions;

/** `nx run <project>:build-image` */
export default function buildImageExecutor(options: BuildImageExecutorOptions, context: ExecutorContext): Promise<{ success: boolean }> {
  return runInNx(options, context, (command) => buildImage(command, options, () => Promise.resolve(context.projectsConfigurations.projects[command.projectName]?.targets ?? {})));
}
