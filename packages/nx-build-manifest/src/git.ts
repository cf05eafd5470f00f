import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { printable } from './printable.js';

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

/** git is there and so may the commit be, but git does not tell: it refuses, takes too long, or says too much. */
export class GitError extends Error {
  override readonly name = 'GitError';
  /** What git itself said, or how it ended: one line of printable ASCII. */
  readonly why: string;
  /** What to do about it. */
  readonly next: string;

  constructor(folder: string, { complaint, exitCode }: Ended) {
    const why = printable(/^(?:fatal|error): .*/m.exec(complaint)?.[0] ?? complaint) || `it said nothing (exit code ${String(exitCode)})`;
    const advised = /^\s*(git config --global --add safe\.directory .+)$/m.exec(complaint)?.[1];
    const next = advised === undefined ? 'see to it that "git status" works there' : `run: ${printable(advised)}`;
    super(`git does not tell the commit of ${printable(folder, 300)}: ${why}; ${next}`);
    this.why = why;
    this.next = next;
  }
}

/** How a command ended. */
interface Ended {
  /** undefined when it could not be started, was stopped, or was ended by a signal. */
  readonly exitCode?: number;
  readonly output: string;
  /** What it wrote to stderr, or why it has no exit code. */
  readonly complaint: string;
}

interface Limits {
  /** ms */
  readonly timeout?: number;
  /** Whether there is any output is all that is asked: the first of it ends the command. */
  readonly any?: boolean;
}

const TIMEOUT_MS = 60_000;
const MAX_OUTPUT_BYTES = 4 * 1024 * 1024;
const MAX_COMPLAINT_BYTES = 64 * 1024;
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

/** How a git command ended; undefined when there is no git, or no such folder. Changes nothing. */
export async function askGit(folder: string, args: readonly string[], { timeout = TIMEOUT_MS, any = false }: Limits = {}): Promise<Ended | undefined> {
  // A repository may name a program in core.fsmonitor that git would start.
  const argv = ['-c', 'core.fsmonitor=false', '-c', 'core.quotePath=true', ...args];
  const command = `git ${String(args[0])}`;
  return new Promise((done) => {
    const child = spawn('git', argv, { cwd: folder, env: gitEnvironment(), windowsHide: true, stdio: ['ignore', 'pipe', 'pipe'] });
    const output: Buffer[] = [];
    const complaint: Buffer[] = [];
    const end = (ended: Ended | undefined): void => {
      clearTimeout(timer);
      done(ended);
    };
    // A program that git started may keep the pipes open: nobody waits for it.
    const stop = (ended: Ended): void => {
      end(ended);
      child.kill('SIGKILL');
      child.stdout.destroy();
      child.stderr.destroy();
    };
    const timer = setTimeout(() => stop({ output: '', complaint: `${command} had not ended after ${timeout / 1000} s` }), timeout);
    child.on('error', (error: NodeJS.ErrnoException) => end(error.code === 'ENOENT' ? undefined : { output: '', complaint: `git cannot be started (${String(error.code)})` }));
    child.stdout.on('data', (chunk: Buffer) => {
      output.push(chunk);
      if (any) stop({ exitCode: 0, output: chunk.toString('utf8'), complaint: '' });
      else if (bytesOf(output) > MAX_OUTPUT_BYTES) stop({ output: '', complaint: `${command} said more than ${MAX_OUTPUT_BYTES} bytes` });
    });
    child.stderr.on('data', (chunk: Buffer) => {
      if (bytesOf(complaint) < MAX_COMPLAINT_BYTES) complaint.push(chunk);
    });
    child.on('close', (code, signal) => {
      const ended = { output: Buffer.concat(output).toString('utf8'), complaint: Buffer.concat(complaint).toString('utf8') };
      end(code === null ? { ...ended, complaint: `${command} was ended by ${String(signal)}` } : { ...ended, exitCode: code });
    });
  });
}

function bytesOf(chunks: readonly Buffer[]): number {
  return chunks.reduce((sum, { length }) => sum + length, 0);
}

/**
 * Facts of the commit that `folder` stands on. undefined when there is none: no git, no repository, no commit yet,
 * or a repository around the folder that does not track it.
 * @throws GitError when git refuses to tell, takes longer than a minute, or cannot read the repository
 */
export async function gitFacts(folder: string): Promise<GitFacts | undefined> {
  const [inside, head, tracked, log, symbolic] = await Promise.all([
    askGit(folder, ['rev-parse', '--is-inside-work-tree']),
    askGit(folder, ['rev-parse', '--quiet', '--verify', 'HEAD']),
    askGit(folder, ['rev-parse', '--quiet', '--verify', 'HEAD:./']),
    askGit(folder, ['log', '-1', '--no-show-signature', '--format=%H %ct', 'HEAD']),
    askGit(folder, ['symbolic-ref', '--quiet', '--short', 'HEAD']),
  ]);
  if (inside === undefined || /^fatal: not a git repository \(or any /m.test(inside.complaint)) return undefined;
  const must = (answer: Ended = { output: '', complaint: 'git is no longer there' }, ...codes: readonly number[]): Ended => {
    if (answer.exitCode !== undefined && codes.includes(answer.exitCode)) return answer;
    throw new GitError(folder, answer);
  };
  // 1 is a quiet no: there is no commit, no such path in it, no branch.
  if (must(inside, 0).output.trim() !== 'true' || must(head, 0, 1).exitCode === 1) return undefined;
  const { output } = must(log, 0);
  const [, commit, seconds] = /^([0-9a-f]{40,64}) (\d+)\n$/.exec(output) ?? [];
  if (commit === undefined) throw new GitError(folder, { output, complaint: `git log said ${output} of the commit` });
  if (must(tracked, 0, 1).exitCode === 1) return undefined;
  const branch = must(symbolic, 0, 1).output.trim();
  const status = must(await askGit(folder, ['status', '--porcelain', '--untracked-files=no'], { any: true }), 0);
  return {
    commit,
    shortCommit: commit.slice(0, 12),
    ...(branch === '' ? {} : { branch }),
    dirty: status.output !== '',
    commitTime: new Date(Number(seconds) * 1000).toISOString().replace('.000Z', 'Z'),
  };
}

/**
 * Why the commit of a folder may be unknown without being told: it lies in a repository, and there is no git to ask.
 * @returns one line for people; undefined when git is there, or no repository is
 */
export async function missingGit(folder: string): Promise<string | undefined> {
  let at = resolve(folder);
  while (!existsSync(join(at, '.git'))) {
    if (dirname(at) === at) return undefined;
    at = dirname(at);
  }
  if (await askGit(at, ['version']) !== undefined) return undefined;
  return `${at} is a git repository, but git is not installed: commit and branch are not known, and nothing tells that they exist; install git`;
}
