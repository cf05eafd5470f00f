import type { ExecutorContext } from '@nx/devkit';
import { unlock, type UnlockOptions } from '../../commands/unlock.js';
import { runInNx, type NxOptions } from '../run-in-nx.js';

export type UnlockExecutorOptions = UnlockOptions & NxOptions;

/** `nx run <project>:unlock --configuration=<environment>` */
export default function unlockExecutor(options: UnlockExecutorOptions, context: ExecutorContext): Promise<{ success: boolean }> {
  return runInNx(options, context, (command) => unlock(command, options));
}
