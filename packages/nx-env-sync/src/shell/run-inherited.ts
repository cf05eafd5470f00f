/** Runs a program in the place of this one: it has the streams of this process, and the signals that this one gets. */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { errorCode } from '../errors.js';

export interface InheritedOrder {
  /** Program and arguments; no shell is between. */
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly variables: NodeJS.ProcessEnv;
}

export type InheritedEnd = { readonly state: 'ended'; readonly code: number } | { readonly state: 'not started'; readonly what: string };

const HANDED_ON = ['SIGTERM', 'SIGHUP'] as const;

/** The exit code is the program's, 128 and the signal's number for one that a signal ended. Never rejects. */
export async function runInherited({ argv: [program = '', ...rest], cwd, variables }: InheritedOrder): Promise<InheritedEnd> {
  return new Promise((resolve) => {
    const failed = (error: unknown): void => resolve({ state: 'not started', what: errorCode(error) === 'ENOENT' ? 'was not found' : `could not be started: ${errorCode(error)}` });
    try {
      const child = spawn(program, rest, { cwd, env: variables, stdio: 'inherit' });
      const handOn = (signal: NodeJS.Signals): void => void child.kill(signal);
      // Ctrl-C reaches the program by itself, and it may take its time.
      const stay = (): void => undefined;
      for (const signal of HANDED_ON) process.on(signal, handOn);
      process.on('SIGINT', stay);
      const over = (): void => {
        for (const signal of HANDED_ON) process.off(signal, handOn);
        process.off('SIGINT', stay);
      };
      child.on('error', (error) => {
        over();
        failed(error);
      });
      child.on('exit', (code, signal) => {
        over();
        resolve({ state: 'ended', code: code ?? 128 + (signal === null ? 0 : constants.signals[signal]) });
      });
    } catch (error) {
      failed(error);
    }
  });
}
