import { runProgram } from './run-program.js';

const TIMEOUT = 20_000;
const LARGEST = 32 * 1024 * 1024;

export type TrackedFiles =
  /** Paths relative to the folder, with `/`. */
  | { readonly state: 'known'; readonly files: ReadonlySet<string> }
  /** `what` continues "git ...". */
  | { readonly state: 'unknown'; readonly what: string };

/** Files below the folder whose name ends so and that git tracks: they are in the repository, or will be with the next commit. Changes nothing. */
export async function trackedFiles(folder: string, ending: string, variables: NodeJS.ProcessEnv): Promise<TrackedFiles> {
  const end = await runProgram({
    // A repository may name a program in core.fsmonitor that git would start.
    argv: ['git', '-c', 'core.fsmonitor=false', 'ls-files', '-z', '--', `*${ending}`],
    cwd: folder,
    // Git's hooks set some that point at another repository than the folder's.
    variables: { ...Object.fromEntries(Object.entries(variables).filter(([name]) => !name.startsWith('GIT_'))), GIT_OPTIONAL_LOCKS: '0' },
    timeout: TIMEOUT,
    largest: LARGEST,
  });
  if (end.state === 'failed') return { state: 'unknown', what: end.what };
  return { state: 'known', files: new Set(end.output.toString('utf8').split('\0').filter((file) => file !== '')) };
}
