import { printAnswer } from '../../commands/answer.js';
import { diff } from '../../commands/diff.js';
import { environmentOf, placeOf, type TaskContext } from '../task.js';

export interface DiffOptions {
  /** Default: `environment`, then the name of the configuration the task runs with. */
  readonly from?: string;
  readonly to?: string;
  readonly environment?: string;
  readonly all?: boolean;
  readonly reveal?: boolean;
  readonly failOnDifference?: boolean;
  readonly json?: boolean;
}

const FORM = '--from=<environment> --to=<environment>';

/** Executor `nx-env-sync:diff`: says which keys differ, never their values. */
export default function diffExecutor({ from, to, environment, ...options }: DiffOptions, context: TaskContext): Promise<{ success: boolean }> {
  return printAnswer(options.json, async () => diff({
    ...options, from: await environmentOf(from ?? environment, context, FORM), to: await environmentOf(to, { ...context, configurationName: '' }, FORM),
    terminal: process.stdout.isTTY,
  }, placeOf(context)));
}
