import type { ExecutorContext } from '@nx/devkit';
import { makePackage, type PackageOptions } from '../../commands/package.js';
import { runInNx, type NxOptions } from '../run-in-nx.js';

export type PackageExecutorOptions = Omit<PackageOptions, 'graph'> & NxOptions;

/** `nx run <project>:package` */
export default function packageExecutor(options: PackageExecutorOptions, context: ExecutorContext): Promise<{ success: boolean }> {
  return runInNx(options, context, (command) => makePackage(command, { ...options, graph: () => Promise.resolve(context.projectGraph) }));
}
