import { newRun } from './change.js';
import { resolveProject, type CommandContext } from './context.js';
import { durationOption } from './duration-option.js';
import { report, type CommandResult, type ReportOptions } from './result.js';
import { withService } from './service.js';
import { showTask } from './task.js';

export interface UnlockOptions extends ReportOptions {
  /** How long the run that holds the lock has to restore what ran before; by default `30s`. */
  readonly wait?: string | number;
}

const WAIT = '30s';

/** Frees the lock of a run that hangs. */
export function unlock(context: CommandContext, options: UnlockOptions): Promise<CommandResult> {
  return report(context, options, async () => {
    const wait = durationOption('wait', options.wait ?? WAIT, WAIT);
    const resolved = resolveProject(context);
    return withService(context, resolved, (service) => showTask(context, 'unlock', service.unlock(newRun(), wait)));
  });
}
