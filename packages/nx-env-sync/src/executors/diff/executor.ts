import { printAnswer } from '../../commands/answer.js';
import { diff } from '../../commands/diff.js';
import { EnvSyncError } from '../../errors.js';
import { RUNNING } from '../../stores/open-store.js';
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
  /** Stands for `to`: what runs of the environment. */
  readonly running?: boolean;
  readonly runningModule?: string;
}

const FORM = '--from=<environment> --to=<environment>';

/** Executor `nx-env-sync:diff`: says which keys differ, never their values. */
export default function diffExecutor({ from, to, environment, running, ...options }: DiffOptions, context: TaskContext): Promise<{ success: boolean }> {
  return printAnswer(options.json, async () => {
    const first = await environmentOf(from ?? environment, context, FORM);
    if (running === true && to !== undefined) throw new EnvSyncError('refused', { what: 'running and to were both given', next: 'leave one of them out' });
    const second = running === true ? `${RUNNING}:${first}` : await environmentOf(to, { ...context, configurationName: '' }, FORM);
    return diff({ ...options, from: first, to: second, terminal: process.stdout.isTTY }, placeOf(context));
  });
}
