import type { ExecutorContext } from '@nx/devkit';
import { status, type StatusOptions } from '../../commands/status.js';
import { runInNx, type NxOptions } from '../run-in-nx.js';

export type StatusExecutorOptions = StatusOptions & NxOptions;

/** `nx run <project>:status --configuration=<environment>` */
export default function statusExecutor(options: StatusExecutorOptions, context: ExecutorContext): Promise<{ success: boolean }> {
  return runInNx(options, context, (command) => status(command, options));
}
