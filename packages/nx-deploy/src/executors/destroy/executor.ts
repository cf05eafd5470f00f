import type { ExecutorContext } from '@nx/devkit';
import { destroy, type DestroyOptions } from '../../commands/destroy.js';
import { runInNx, type NxOptions } from '../run-in-nx.js';

export type DestroyExecutorOptions = DestroyOptions & NxOptions;

/** `nx run <project>:destroy --configuration=<environment>` */
export default function destroyExecutor(options: DestroyExecutorOptions, context: ExecutorContext): Promise<{ success: boolean }> {
  return runInNx(options, context, (command) => destroy(command, options));
}
