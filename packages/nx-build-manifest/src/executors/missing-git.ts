import { missingGit } from '../git.js';
import { printable } from '../printable.js';

/** Tells people that facts are absent for want of git, which the facts themselves cannot tell. */
export async function tellMissingGit(workspaceRoot: string): Promise<void> {
  const why = await missingGit(workspaceRoot);
  if (why !== undefined) process.stdout.write(`warning: ${printable(why, 500)}\n`);
}
