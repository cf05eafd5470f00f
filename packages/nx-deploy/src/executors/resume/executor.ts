import type { ExecutorContext } from '@nx/devkit';
import { resume } from '../../commands/closure.js';
import type { ReportOptions } from '../../commands/result.js';
import { runInNx, type NxOptions } from '../run-in-nx.js';

export type ResumeExecutorOptions = ReportOptions & NxOptions;

/** `nx run <project>:resume --configuration=<environment>` */
export default function resumeExecutor(options: ResumeExecutorOptions, context: ExecutorContext): Promise<{ success: boolean }> {
  return runInNx(options, context, (command) => resume(command, options));
}
