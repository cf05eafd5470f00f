import { printAnswer } from '../../commands/answer.js';
import { askOnTerminal } from '../../commands/confirm.js';
import { sync } from '../../commands/sync.js';
import { environmentOf, placeOf, type TaskContext } from '../task.js';

export interface SyncOptions {
  readonly from?: string;
  /** Default: `environment`, then the name of the configuration the task runs with. */
  readonly to?: string;
  readonly environment?: string;
  readonly take?: readonly string[];
  readonly keep?: readonly string[];
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  readonly runningModule?: string;
  readonly json?: boolean;
}

const FORM = '--from=<environment> --to=<environment>';

/** Executor `nx-env-sync:sync`: makes one environment like another, by the policy of its schema. */
export default function syncExecutor({ from, to, environment, take = [], keep = [], json, ...options }: SyncOptions, context: TaskContext): Promise<{ success: boolean }> {
  return printAnswer(json, async () => sync({
    ...options, take, keep,
    from: await environmentOf(from, { ...context, configurationName: '' }, FORM), to: await environmentOf(to ?? environment, context, FORM),
    // Pure JSON leaves no place for a question.
    ask: json === true ? () => Promise.resolve(undefined) : askOnTerminal,
  }, placeOf(context)));
}
