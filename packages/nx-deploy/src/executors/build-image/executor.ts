import type { ExecutorContext } from '@nx/devkit';
import { buildImage, type BuildImageOptions } from '../../commands/build-image.js';
import { runInNx, type NxOptions } from '../run-in-nx.js';

export type BuildImageExecutorOptions = Omit<BuildImageOptions, 'cachedAlone'> & NxOptions;

/** `nx run <project>:build-image` */
export default function buildImageExecutor(options: BuildImageExecutorOptions, context: ExecutorContext): Promise<{ success: boolean }> {
  return runInNx(options, context, (command) => buildImage(command, { ...options, cachedAlone: !dependsOnTargets(context) }, () => Promise.resolve(context.projectsConfigurations.projects[command.projectName]?.targets ?? {})));
}

/** Whether Nx runs another target before, whose outputs it then looks at. Names that the project has no target for are left out, as Nx does. */
function dependsOnTargets({ target, projectName = '', projectsConfigurations }: ExecutorContext): boolean {
  const own = projectsConfigurations.projects[projectName]?.targets ?? {};
  return (target?.dependsOn ?? []).some((each) => {
    if (typeof each === 'string') return /[\^:*]/.test(each) || Object.hasOwn(own, each);
    return each.projects !== undefined || each.dependencies === true || Object.hasOwn(own, each.target);
  });
}
