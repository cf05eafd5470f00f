/** What a repository holds at a revision, and what it tracks. Nothing is changed by asking. */
import { relative, sep } from 'node:path';
import { runProgram, type ProgramEnd } from './run-program.js';

const TIMEOUT = 60_000;
/** Bytes of a list of files. */
const LARGEST_LIST = 32 * 1024 * 1024;

/** Git's hooks set some that point at another repository than the folder's, and a repository may name a program in core.fsmonitor that git would start. */
async function git(args: readonly string[], cwd: string, variables: NodeJS.ProcessEnv, largest: number): Promise<ProgramEnd> {
  const own = Object.entries(variables).filter(([name]) => !name.startsWith('GIT_'));
  return runProgram({ argv: ['git', '-c', 'core.fsmonitor=false', ...args], cwd, variables: { ...Object.fromEntries(own), GIT_OPTIONAL_LOCKS: '0' }, timeout: TIMEOUT, largest });
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

export type TrackedFiles =
  /** Paths relative to the folder, with `/`. */
  | { readonly state: 'known'; readonly files: ReadonlySet<string> }
  /** `what` continues "git ...". */
  | { readonly state: 'unknown'; readonly what: string };

/** Files below the folder whose name ends so and that git tracks: they are in the repository, or will be with the next commit. */
export async function trackedFiles(folder: string, ending: string, variables: NodeJS.ProcessEnv): Promise<TrackedFiles> {
  const end = await git(['ls-files', '-z', '--', `*${ending}`], folder, variables, LARGEST_LIST);
  if (end.state === 'failed') return { state: 'unknown', what: end.what };
  return { state: 'known', files: new Set(end.output.toString('utf8').split('\0').filter((file) => file !== '')) };
}
