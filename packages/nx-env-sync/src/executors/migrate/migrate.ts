import { printAnswer } from '../../commands/answer.js';
import { migrate } from '../../commands/migrate.js';
import { placeOf, type TaskContext } from '../task.js';

export interface MigrateOptions {
  /** Default: the name of the configuration the task runs with, else all that have a file. */
  readonly environment?: string;
  readonly defaults?: boolean;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

/** Executor `nx-env-sync:migrate`: renames keys to the names that the schema gives them now. */
export default function migrateExecutor({ environment, json, ...options }: MigrateOptions, context: TaskContext): Promise<{ success: boolean }> {
  const named = [environment, context.configurationName].find((name) => name !== undefined && name !== '');
  return printAnswer(json, async () => migrate({ ...options, ...(named === undefined ? {} : { environment: named }) }, placeOf(context)));
}
