import { printAnswer } from '../../commands/answer.js';
import { askOnTerminal } from '../../commands/confirm.js';
import { restore } from '../../commands/restore.js';
import { environmentOf, placeOf, type TaskContext } from '../task.js';

export interface RestoreOptions {
  /** Default: the name of the configuration the task runs with. */
  readonly environment?: string;
  readonly backup?: string;
  readonly key?: readonly string[];
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  readonly json?: boolean;
}

/** Executor `nx-env-sync:restore`: brings an environment's files, or single keys, back from a backup. */
export default function restoreExecutor({ json, environment, key = [], backup = 'latest', ...options }: RestoreOptions, context: TaskContext): Promise<{ success: boolean }> {
  return printAnswer(json, async () => restore({
    ...options, keys: key, backup, environment: await environmentOf(environment, context, '--environment=<environment>'),
    // Pure JSON leaves no place for a question.
    ask: json === true ? () => Promise.resolve(undefined) : askOnTerminal,
  }, placeOf(context)));
}
