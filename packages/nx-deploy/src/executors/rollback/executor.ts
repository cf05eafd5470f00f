import type { ExecutorContext } from '@nx/devkit';
import { rollback, type RollbackOptions } from '../../commands/rollback.js';
import { runInNx, type NxOptions } from '../run-in-nx.js';

export type RollbackExecutorOptions = RollbackOptions & NxOptions;

/** `nx run <project>:rollback --configuration=<environment>` */
export default function rollbackExecutor(options: RollbackExecutorOptions, context: ExecutorContext): Promise<{ success: boolean }> {
  return runInNx(options, context, (command) => rollback(command, options));
}
