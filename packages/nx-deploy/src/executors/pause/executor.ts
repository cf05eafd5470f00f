import type { ExecutorContext } from '@nx/devkit';
import { pause, type PauseOptions } from '../../commands/closure.js';
import { runInNx, type NxOptions } from '../run-in-nx.js';

export type PauseExecutorOptions = PauseOptions & NxOptions;

/** `nx run <project>:pause --configuration=<environment>` */
export default function pauseExecutor(options: PauseExecutorOptions, context: ExecutorContext): Promise<{ success: boolean }> {
  return runInNx(options, context, (command) => pause(command, options));
}
