/** Starts programs that outlive this process. */
import { spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import type { Writable } from 'node:stream';

export interface DetachOptions {
  readonly env: Readonly<Record<string, string>>;
  /** Descriptor of a file that takes stdout and stderr; without one they are discarded. */
  readonly output?: number;
  /** Written to the program's stdin, which is then closed. Secrets go this way, never by argv. */
  readonly input?: string;
  /** Called with the program's pid and waited for before it gets its input: what it does then is done by a process that is known. A rejection kills it. */
  readonly before?: (pid: number) => Promise<void>;
}

export interface Detached {
  readonly pid: number;
  /** Resolves when the program ends while this process still lives. */
  readonly ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
}

/** The program leads a session of its own (setsid) in `/`, so that no folder of the user's is held. Rejects when it cannot be started. */
export function detach(file: string, args: readonly string[], options: DetachOptions): Promise<Detached> {
  return new Promise((resolve, reject) => {
    const output = options.output ?? 'ignore';
    const child = spawn(file, [...args], { cwd: '/', env: { ...options.env }, detached: true, stdio: [options.input === undefined ? 'ignore' : 'pipe', output, output] });
    const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((done) => {
      child.once('exit', (code, signal) => done({ code, signal }));
    });
    child.once('error', reject);
    child.once('spawn', () => {
      const pid = child.pid ?? 0;
      // A program that dies before it reads gives EPIPE; its end is what tells.
      child.stdin?.on('error', () => undefined);
      child.unref();
      Promise.resolve(options.before?.(pid)).then(() => {
        child.stdin?.end(options.input);
        resolve({ pid, ended });
      }, (error: unknown) => {
        child.kill('SIGKILL');
        reject(error);
      });
    });
  });
}

export interface Orphan {
  /** The program's. */
  readonly stdin: Writable;
  /** Resolves when the program has ended, while this process still lives. */
  readonly gone: Promise<void>;
}

/**
 * Starts the program that it is given and ends: the program's parent is gone from the beginning. A shell does so in milliseconds. The input comes by another descriptor than the shell's own, which Node closes when the
 * shell ends.
 */
const LEAVE = '"$@" <&3 3<&- &';

/** As {@link detach}, but nobody's child: ending the process tree of this process does not reach the program. Rejects when the shell cannot be started. */
export function orphan(argv: readonly string[], { env, output }: { readonly env: Readonly<Record<string, string>>; readonly output: number }): Promise<Orphan> {
  return new Promise((resolve, reject) => {
    const child = spawn('/bin/sh', ['-c', LEAVE, 'sh', ...argv], { cwd: '/', env: { ...env }, detached: true, stdio: ['ignore', output, output, 'pipe', 'pipe'] });
    const [, , , stdin, held] = child.stdio as readonly (Socket | null | undefined)[];
    child.once('error', reject);
    child.once('spawn', () => {
      if (!stdin || !held) throw new Error('a child without the pipes that it was started with');
      // A program that dies before it reads gives EPIPE; its end is what tells.
      for (const pipe of [stdin, held]) pipe.on('error', () => undefined);
      // The program has the other end of this one open for as long as it lives, and knows nothing of it. What it reads it may close.
      const gone = new Promise<void>((done) => { held.once('close', () => done()).resume(); });
      for (const left of [stdin, held, child]) left.unref();
      resolve({ stdin, gone });
    });
  });
}

/** Runs a program in the foreground of this process and gives its streams to the caller (the shim around an instance). */
export function attach(argv: readonly string[], options: { readonly cwd: string; readonly env: Readonly<Record<string, string>> }): ReturnType<typeof spawn> {
  const [file = '', ...args] = argv;
  return spawn(file, args, { cwd: options.cwd, env: { ...options.env }, stdio: ['ignore', 'pipe', 'pipe'] });
}
