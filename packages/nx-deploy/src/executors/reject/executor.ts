import type { ExecutorContext } from '@nx/devkit';
import { reject, type AnswerOptions } from '../../commands/answer.js';
import { runInNx, type NxOptions } from '../run-in-nx.js';

export type RejectExecutorOptions = AnswerOptions & NxOptions;

/** `nx run <project>:reject --configuration=<environment>` */
export default function rejectExecutor(options: RejectExecutorOptions, context: ExecutorContext): Promise<{ success: boolean }> {
  return runInNx(options, context, (command) => reject(command, options));
}
