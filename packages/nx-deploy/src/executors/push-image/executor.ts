import type { ExecutorContext } from '@nx/devkit';
import { pushImage, type PushImageOptions } from '../../commands/push-image.js';
import { runInNx, type NxOptions } from '../run-in-nx.js';

export type PushImageExecutorOptions = PushImageOptions & NxOptions;

/** `nx run <project>:push-image` */
export default function pushImageExecutor(options: PushImageExecutorOptions, context: ExecutorContext): Promise<{ success: boolean }> {
  return runInNx(options, context, (command) => pushImage(command, options));
}
