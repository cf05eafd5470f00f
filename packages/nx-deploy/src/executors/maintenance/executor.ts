import type { ExecutorContext } from '@nx/devkit';
import { maintenance, type MaintenanceOptions } from '../../commands/closure.js';
import { runInNx, type NxOptions } from '../run-in-nx.js';

export type MaintenanceExecutorOptions = MaintenanceOptions & NxOptions;

/** `nx run <project>:maintenance --configuration=<environment>` */
export default function maintenanceExecutor(options: MaintenanceExecutorOptions, context: ExecutorContext): Promise<{ success: boolean }> {
  return runInNx(options, context, (command) => maintenance(command, options));
}
