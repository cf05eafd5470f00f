import type { ExecutorContext } from '@nx/devkit';
import { deploy, type DeployOptions } from '../../commands/deploy.js';
import { report } from '../../commands/result.js';
import { problemsAmongProjects, skippedDeploy } from '../among-projects.js';
import { runInNx, type NxOptions } from '../run-in-nx.js';

export type DeployExecutorOptions = DeployOptions & NxOptions;

/** `nx run <project>:deploy --configuration=<environment>` */
export default function deployExecutor(options: DeployExecutorOptions, context: ExecutorContext): Promise<{ success: boolean }> {
  const skipped = skippedDeploy(options, context);
  if (skipped !== undefined) {
    process.stdout.write(`${skipped}\n`);
    return Promise.resolve({ success: true });
  }
  return runInNx(options, context, (command) => {
    const error = problemsAmongProjects(command, context);
    return error === undefined ? deploy(command, options) : report(command, options, () => Promise.reject(error));
  });
}
