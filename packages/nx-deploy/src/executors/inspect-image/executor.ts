import type { ExecutorContext } from '@nx/devkit';
import { inspectImage } from '../../commands/inspect-image.js';
import type { ReportOptions } from '../../commands/result.js';
import { runInNx, type NxOptions } from '../run-in-nx.js';

export type InspectImageExecutorOptions = ReportOptions & NxOptions;

/** `nx run <project>:inspect-image` */
export default function inspectImageExecutor(options: InspectImageExecutorOptions, context: ExecutorContext): Promise<{ success: boolean }> {
  return runInNx(options, context, (command) => inspectImage(command, options));
}
