/** What a repository holds at a revision. */
import { relative, sep } from 'node:path';
import { runProgram, type ProgramEnd } from './run-program.js';

const TIMEOUT = 60_000;

async function git(args: readonly string[], cwd: string, variables: NodeJS.ProcessEnv, largest: number): Promise<ProgramEnd> {
  return runProgram({ argv: ['git', ...args], cwd, variables, timeout: TIMEOUT, largest });
}

/** `what` continues "git"; undefined where there is such a commit. */
export async function noCommit(revision: string, cwd: string, variables: NodeJS.ProcessEnv): Promise<string | undefined> {
  const end = await git(['rev-parse', '--verify', '--quiet', '--end-of-options', `${revision}^{commit}`], cwd, variables, 1_024);
  return end.state === 'done' ? undefined : end.what;
}

/** What the file held then; undefined where the commit has no such file. `folder` stands in the repository and holds the file. */
export async function fileAt(revision: string, path: string, { folder, variables, largest }: { readonly folder: string; readonly variables: NodeJS.ProcessEnv; readonly largest: number }): Promise<Buffer | undefined> {
  const end = await git(['cat-file', 'blob', `${revision}:./${relative(folder, path).split(sep).join('/')}`], folder, variables, largest);
  return end.state === 'done' ? end.output : undefined;
}
