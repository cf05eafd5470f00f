import { DeployError } from '../errors.js';
import { resolveProject, type CommandContext } from './context.js';
import { report, type CommandResult, type ReportOptions } from './result.js';
import { submitTask } from './task.js';

export interface PruneOptions extends ReportOptions {
  /** Releases that succeeded and stay stored, 1 to 1000; by default `keep` of deploy.json. */
  readonly keep?: number | string;
  readonly dryRun?: boolean;
}

const MOST = 1_000;

/** Removes stored releases that are neither live nor warm nor among the last that succeeded. */
export function prune(context: CommandContext, options: PruneOptions): Promise<CommandResult> {
  return report(context, options, async () => {
    const keep = options.keep === undefined ? undefined : wholeNumber(options.keep);
    const resolved = resolveProject(context);
    return submitTask(context, resolved, { action: 'prune', keep: keep ?? resolved.keep, dryRun: options.dryRun === true });
  });
}

function wholeNumber(given: number | string): number {
  const keep = /^\d+$/.test(String(given)) ? Number(given) : Number.NaN;
  if (keep >= 1 && keep <= MOST) return keep;
  throw new DeployError('ND-OPTION-INVALID', { what: `--keep=${String(given)} is no number of releases`, next: `write a whole number from 1 to ${MOST}` });
}
