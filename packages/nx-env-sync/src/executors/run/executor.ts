import { printAnswer } from '../../commands/answer.js';
import { run } from '../../commands/run.js';
import { resolve } from 'node:path';
import { environmentOf, placeOf, type TaskContext } from '../task.js';

export interface RunOptions {
  /** Default: the name of the configuration the task runs with. */
  readonly environment?: string;
  readonly command?: readonly string[];
  readonly cwd?: string;
}

/** Executor `nx-env-sync:run`: gives a program its environment without writing it. `exitCode` is the program's. */
export default async function runExecutor({ environment, command = [], cwd = '.' }: RunOptions, context: TaskContext): Promise<{ success: boolean; exitCode: number }> {
  let exitCode = 1;
  await printAnswer(false, async () => {
    const named = await environmentOf(environment, context, '--environment=<environment>');
    exitCode = await run({ environment: named, command, cwd: resolve(context.root, cwd) }, placeOf(context));
    return { success: exitCode === 0, lines: [], document: {} };
  });
  return { success: exitCode === 0, exitCode };
}
