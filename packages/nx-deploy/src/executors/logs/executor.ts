import type { ExecutorContext } from '@nx/devkit';
import { logs, type LogsOptions } from '../../commands/logs.js';
import { runInNx, type NxOptions } from '../run-in-nx.js';

export type LogsExecutorOptions = LogsOptions & NxOptions;

/** `nx run <project>:logs --configuration=<environment>` */
export default function logsExecutor(options: LogsExecutorOptions, context: ExecutorContext): Promise<{ success: boolean }> {
  return runInNx(options, context, (command) => logs(command, options));
}
