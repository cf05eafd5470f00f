import { DeployError } from '../errors.js';
import { resolveProject, type CommandContext } from './context.js';
import { askOnTerminal, type Ask } from './prompt.js';
import { report, type CommandResult, type ReportOptions } from './result.js';
import { withService } from './service.js';
import { submitTask } from './task.js';
import { doomLine } from './text.js';

export interface DestroyOptions extends ReportOptions {
  /** The name of the service, as proof that it is meant. Without it the terminal is asked. */
  readonly confirm?: string | number;
  readonly dryRun?: boolean;
}

/** Ends a service for good: its instances, its address, its releases and their values, its logs. The ledger stays. */
export function destroy(context: CommandContext, options: DestroyOptions, ask: Ask = askOnTerminal): Promise<CommandResult> {
  return report(context, options, async () => {
    const resolved = resolveProject(context);
    const dryRun = options.dryRun === true;
    if (!dryRun) {
      const found = await withService(context, resolved, (service) => service.status());
      context.output.line(doomLine(found));
      confirm(resolved.service, resolved.environment, options.confirm ?? await ask(`type ${resolved.service} to go on: `));
    }
    return submitTask(context, resolved, { action: 'destroy', dryRun });
  });
}

function confirm(service: string, environment: string, given: string | number | undefined): void {
  if (given !== undefined && String(given).trim() === service) return;
  throw new DeployError('ND-NOT-CONFIRMED', {
    what: `${service} (${environment}) was not destroyed`,
    why: given === undefined ? 'its name was not given' : `${JSON.stringify(String(given))} is not its name`,
    next: `repeat the command with --confirm=${service} if that is what you want; --dry-run shows what would be removed`,
  });
}
