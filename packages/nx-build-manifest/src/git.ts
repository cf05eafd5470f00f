import { execFile } from 'node:child_process';

/** The commit a working tree stands on. */
export interface GitFacts {
  /** Full object id, 40 or 64 hexadecimal digits. */
  readonly commit: string;
  /** The first 12 digits. */
  readonly shortCommit: string;
  /** Absent when no branch is checked out. */
  readonly branch?: string;
  /** true when tracked files differ from the commit; untracked files do not count. */
  readonly dirty: boolean;
  /** Committer time in UTC, ISO 8601, in whole seconds. */
  readonly commitTime: string;
}

const TIMEOUT_MS = 10_000;
const MAX_OUTPUT_BYTES = 4 * 1024 * 1024;
/** Set by git in its hooks: they would point at another repository than the folder asked about. */
const REPOSITORY_VARIABLES = [
  'GIT_DIR', 'GIT_WORK_TREE', 'GIT_INDEX_FILE', 'GIT_COMMON_DIR', 'GIT_OBJECT_DIRECTORY',
  'GIT_ALTERNATE_OBJECT_DIRECTORIES', 'GIT_NAMESPACE', 'GIT_PREFIX', 'GIT_CEILING_DIRECTORIES',
];

function gitEnvironment(): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !REPOSITORY_VARIABLES.includes(name));
  return {
    ...Object.fromEntries(inherited),
    GIT_OPTIONAL_LOCKS: '0',
    GIT_TERMINAL_PROMPT: '0',
    GIT_NO_LAZY_FETCH: '1',
    LC_ALL: 'C',
  };
}

/** Output of a git command, or undefined when there is no git, no repository, or the command fails. Changes nothing. */
export async function git(folder: string, args: readonly string[]): Promise<string | undefined> {
  // A repository may name a program in core.fsmonitor that git would start.
  const argv = ['-c', 'core.fsmonitor=false', '-c', 'core.quotePath=true', ...args];
  const options = { cwd: folder, env: gitEnvironment(), timeout: TIMEOUT_MS, maxBuffer: MAX_OUTPUT_BYTES, windowsHide: true };
  return new Promise((done) => {
    execFile('git', argv, options, (error, stdout) => done(error === null ? stdout : undefined));
  });
}

/**
 * Facts of the commit that `folder` stands on. undefined when there is none: no git, no repository, no commit yet,
 * or a repository around the folder that does not track it.
 */
export async function gitFacts(folder: string): Promise<GitFacts | undefined> {
  const [head, tracked, branch, status] = await Promise.all([
    git(folder, ['log', '-1', '--no-show-signature', '--format=%H %ct', 'HEAD']),
    git(folder, ['ls-tree', 'HEAD']),
    git(folder, ['symbolic-ref', '--quiet', '--short', 'HEAD']),
    git(folder, ['status', '--porcelain', '--untracked-files=no']),
  ]);
  const [, commit, seconds] = /^([0-9a-f]{40,64}) (\d+)\n$/.exec(head ?? '') ?? [];
  if (commit === undefined || seconds === undefined || !tracked || status === undefined) return undefined;
  const name = branch?.trim();
  return {
    commit,
    shortCommit: commit.slice(0, 12),
    ...(name === undefined || name === '' ? {} : { branch: name }),
    dirty: status !== '',
    commitTime: new Date(Number(seconds) * 1000).toISOString().replace('.000Z', 'Z'),
  };
}
