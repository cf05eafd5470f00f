import { hooksOf, newRun, submit } from './change.js';
import { actor, resolveProject, type CommandContext } from './context.js';
import { reportEvents, type ChangeOptions } from './events-file.js';
import type { CommandResult } from './result.js';

export interface RollbackOptions extends ChangeOptions {
  /** A release id; without it the previous release. */
  readonly to?: string;
  readonly strategy?: string;
  readonly dryRun?: boolean;
}

/** Goes back to an earlier release. It needs no build and no environment files: the release brings its files and values along. */
export function rollback(command: CommandContext, options: RollbackOptions): Promise<CommandResult> {
  return reportEvents(command, options, async (context) => {
    const resolved = resolveProject(context, options.strategy);
    return submit(context, resolved, {
      listens: false,
      request: {
        run: newRun(), actor: actor(), service: resolved.service, environment: resolved.environment,
        change: { action: 'rollback', ...(options.to === undefined ? {} : { to: options.to }) },
        strategy: resolved.strategy,
        hooks: hooksOf(context, resolved, 'Rollback'),
        deadline: resolved.deadline, keep: resolved.keep, dryRun: options.dryRun === true,
      },
    });
  });
}
