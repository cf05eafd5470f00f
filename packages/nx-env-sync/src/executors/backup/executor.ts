import { printAnswer } from '../../commands/answer.js';
import { backup, type BackupCommand } from '../../commands/backup.js';
import { environmentOf, placeOf, type TaskContext } from '../task.js';

export interface BackupOptions extends Omit<BackupCommand, 'environment'> {
  /** Default: the name of the configuration the task runs with. */
  readonly environment?: string;
  readonly json?: boolean;
}

/** Executor `nx-env-sync:backup`: takes, lists or verifies backups of an environment's files. */
export default function backupExecutor({ json, environment, ...options }: BackupOptions, context: TaskContext): Promise<{ success: boolean }> {
  return printAnswer(json, async () => backup({ ...options, environment: await environmentOf(environment, context, '--environment=<environment>') }, placeOf(context)));
}
