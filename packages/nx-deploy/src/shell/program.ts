/**
 * A program that leads a process group of its own, from its start to its end. Without execa, whose loading alone takes longer than all else that a short command loads, and of which
 * nothing would be used here.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';

export interface ProgramOptions {
  readonly cwd: string;
  /** The whole environment of the program; nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: 'ignore' | 'pipe';
  readonly stderr: 'ignore' | 'pipe';
}

export type Started = { readonly child: ChildProcess; readonly startError?: undefined } | { readonly child?: undefined; readonly startError: string };

export interface Ended {
  /** Undefined when a signal ended it or it never started. */
  readonly exitCode?: number;
  readonly signal?: string;
  /** Why it could not be started (no such file, not executable). */
  readonly startError?: string;
}

/** Of a program that is not there, {@link endOf} tells. */
export function startProgram([file = '', ...args]: readonly string[], { cwd, env, stdin, stderr }: ProgramOptions): Started {
  try {
    return { child: spawn(file, args, { cwd, env, detached: true, stdio: [stdin, 'pipe', stderr] }) };
  } catch (error) {
    return { startError: startErrorOf(error, cwd) };
  }
}

/** Once it has ended and nobody holds its streams any more. */
export function endOf(child: ChildProcess, cwd: string): Promise<Ended> {
  return new Promise((resolve) => {
    child.on('error', (error) => {
      // With a number it runs, or did: the error is about a signal that did not reach it.
      if (child.pid === undefined) resolve({ startError: startErrorOf(error, cwd) });
    });
    child.once('close', (exitCode, signal) => {
      if (child.pid !== undefined) resolve({ ...(exitCode === null ? {} : { exitCode }), ...(signal === null ? {} : { signal }) });
    });
  });
}

/** The system says the same of a program and of a folder that is missing. */
function startErrorOf(error: unknown, cwd: string): string {
  const why = error instanceof Error ? error.message : String(error);
  return existsSync(cwd) ? why : `${why}: there is no folder ${JSON.stringify(cwd)}`;
}
