import type { ExecutorContext } from '@nx/devkit';
import { repair, type RepairOptions } from '../../commands/repair.js';
import { runInNx, type NxOptions } from '../run-in-nx.js';

export type RepairExecutorOptions = RepairOptions & NxOptions;

/** `nx run <project>:repair --configuration=<environment>` */
export default function repairExecutor(options: RepairExecutorOptions, context: ExecutorContext): Promise<{ success: boolean }> {
  return runInNx(options, context, (command) => repair(command, options));
}
