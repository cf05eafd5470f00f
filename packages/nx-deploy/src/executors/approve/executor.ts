import type { ExecutorContext } from '@nx/devkit';
import { approve, type AnswerOptions } from '../../commands/answer.js';
import { runInNx, type NxOptions } from '../run-in-nx.js';

export type ApproveExecutorOptions = AnswerOptions & NxOptions;

/** `nx run <project>:approve --configuration=<environment>` */
export default function approveExecutor(options: ApproveExecutorOptions, context: ExecutorContext): Promise<{ success: boolean }> {
  return runInNx(options, context, (command) => approve(command, options));
}
