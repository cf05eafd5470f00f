/** Runs one program to its end. argv arrays only; output is read line by line and never kept whole. */
import type { Writable } from 'node:stream';
import type { Ms } from '../model/index.js';
import { lineSplitter } from './lines.js';
import { endOf, startProgram } from './program.js';
import type { Redactor } from './redactor.js';

export interface RunOptions {
  readonly cwd: string;
  /** The whole environment of the program; nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  readonly timeout: Ms;
  readonly signal?: AbortSignal;
  /** Called with the leader of the group once it runs. A rejection ends the group, and {@link run} rejects with it when that has ended. */
  readonly onStart?: (pid: number) => Promise<void>;
  /**
   * Writes the program's standard input, which is empty without it; each write waits until there is room, and does nothing once the program has ended.
   * A rejection ends the group, and {@link run} rejects with it when that has ended.
   */
  readonly input?: (write: (chunk: Uint8Array) => Promise<void>) => Promise<void>;
  /** Called for each line of either stream; a line is cut behind 2,000 characters, and ends with ` [cut]` then. */
  readonly onLine?: (line: string) => void;
  /** Applied before a line is cut, so that no part of a secret is left at its end. */
  readonly redact?: Redactor;
}

export interface RunResult {
  /** Undefined when a signal ended it or it never started. */
  readonly exitCode?: number;
  readonly signal?: string;
  readonly timedOut: boolean;
  readonly cancelled: boolean;
  /** Why it could not be started (no such file, not executable). */
  readonly startError?: string;
}

const LINE_LIMIT = 2_000;
/** A program that left the group may hold the pipes open after all that was waited for has ended. */
const PIPE_GRACE: Ms = 500;

/**
 * The program leads a process group of its own, so that its children end with it: at the timeout and on abort the whole group gets SIGKILL.
 * What it leaves in the background is neither waited for nor ended. Resolves also when the program fails; but for `onStart` and `input` only a bug rejects.
 */
export async function run(argv: readonly string[], options: RunOptions): Promise<RunResult> {
  const cancelled = (): boolean => options.signal?.aborted === true;
  if (cancelled()) return { timedOut: false, cancelled: true };
  const { child, startError } = startProgram(argv, { cwd: options.cwd, env: options.env, stdin: options.input === undefined ? 'ignore' : 'pipe', stderr: 'pipe' });
  if (child === undefined) return { startError, timedOut: false, cancelled: cancelled() };
  let timedOut = false;
  const end = (): void => killGroup(child.pid);
  const timer = setTimeout(() => { timedOut = true; end(); }, options.timeout);
  options.signal?.addEventListener('abort', end, { once: true });
  const noted = Promise.all([noteStart(child.pid, options.onStart, end), feed(child.stdin, options.input, end)]);
  const streams = [child.stdout, child.stderr].filter((stream) => stream !== null);
  const splitters = streams.map((stream) => {
    const splitter = lineSplitter({ limit: LINE_LIMIT, long: 'cut', ...options.redact }, (line) => options.onLine?.(line));
    stream.on('data', (chunk: Buffer) => splitter.push(chunk));
    return splitter;
  });
  let grace: NodeJS.Timeout | undefined;
  child.once('exit', () => {
    clearTimeout(timer);
    grace = setTimeout(() => streams.forEach((stream) => stream.destroy()), PIPE_GRACE);
  });
  const ended = await endOf(child, options.cwd);
  clearTimeout(timer);
  clearTimeout(grace);
  splitters.forEach((splitter) => splitter.end());
  options.signal?.removeEventListener('abort', end);
  const fault = (await noted).find((found) => found !== undefined);
  if (fault !== undefined) throw fault.thrown;
  return { ...ended, timedOut, cancelled: cancelled() };
}

/** Resolves with what went wrong, so that the program's end is waited for all the same. */
async function noteStart(pid: number | undefined, onStart: RunOptions['onStart'], end: () => void): Promise<{ readonly thrown: unknown } | undefined> {
  if (pid === undefined || onStart === undefined) return undefined;
  try {
    await onStart(pid);
    return undefined;
  } catch (thrown) {
    end();
    return { thrown };
  }
}

/** A program may end without reading all of it: its exit code then says more than the broken pipe. */
async function feed(stdin: Writable | null, input: RunOptions['input'], end: () => void): Promise<{ readonly thrown: unknown } | undefined> {
  if (stdin === null || input === undefined) return undefined;
  let gone = false;
  const ended = new Promise<void>((done) => { for (const event of ['error', 'close'] as const) stdin.on(event, () => { gone = true; done(); }); });
  try {
    await input(async (chunk) => {
      if (gone) return;
      // The writer may use its buffer again once the write is over: it has to be out by then.
      await Promise.race([ended, new Promise<void>((done) => { stdin.write(chunk, () => done()); })]);
    });
    stdin.end();
    return undefined;
  } catch (thrown) {
    end();
    return { thrown };
  }
}

/** One line of text that a program prints, for facts such as a git setting; undefined when it fails for any reason. */
export async function readLine(argv: readonly string[], cwd: string, timeout: Ms): Promise<string | undefined> {
  let first: string | undefined;
  const env = { PATH: process.env['PATH'] ?? '', LC_ALL: 'C', HOME: process.env['HOME'] ?? '/' };
  const result = await run(argv, { cwd, env, timeout, onLine: (line) => { first ??= line; } });
  return result.exitCode === 0 ? first : undefined;
}

/** Ends a process and all its children that stayed in its group; silent when they are gone. */
export function killGroup(pid: number | undefined, signal: NodeJS.Signals = 'SIGKILL'): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // ESRCH: all of them have ended.
  }
}
