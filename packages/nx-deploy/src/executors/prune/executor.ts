import type { ExecutorContext } from '@nx/devkit';
import { prune, type PruneOptions } from '../../commands/prune.js';
import { runInNx, type NxOptions } from '../run-in-nx.js';

export type PruneExecutorOptions = PruneOptions & NxOptions;

/** `nx run <project>:prune --configuration=<environment>` */
export default function pruneExecutor(options: PruneExecutorOptions, context: ExecutorContext): Promise<{ success: boolean }> {
  return runInNx(options, context, (command) => prune(command, options));
}
