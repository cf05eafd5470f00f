/** Plugin of Nx that writes the run file beside each manifest after every run of tasks. It has no options and infers nothing. */
import type { PostTasksExecution } from '@nx/devkit';
import { printable } from './printable.js';
import { messageOf } from './problems.js';
import { recordRun } from './run-file.js';

export const name = 'nx-build-manifest';

/** What has been built stays built: a run file that cannot be written is told, and fails nothing. */
export const postTasksExecution: PostTasksExecution = async (_options, context) => {
  try {
    await recordRun(context);
  } catch (error) {
    process.stderr.write(`warning: no run file beside the build manifest: ${printable(messageOf(error))}\n`);
  }
};
