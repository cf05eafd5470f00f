import { resolveProject, type CommandContext } from './context.js';
import { report, type CommandResult, type ReportOptions } from './result.js';
import { submitTask } from './task.js';

export type RepairOptions = ReportOptions;

/** Brings an interrupted change to an end, and puts right what is not as it should be. */
export function repair(context: CommandContext, options: RepairOptions): Promise<CommandResult> {
  return report(context, options, () => submitTask(context, resolveProject(context), { action: 'repair' }));
}
