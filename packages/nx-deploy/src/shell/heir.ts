/** Starts a program of our own that inherits open descriptors and is spoken to over a channel; the channel's end tells it that this process is gone. */
import { spawn } from 'node:child_process';

export interface HeirOptions {
  readonly env: Readonly<Record<string, string>>;
  /** Descriptor of a file that takes stdout and stderr. */
  readonly output: number;
  /** The program has them as 3, 4 and so on, in this order. Read when it is started: they must be open until then. */
  readonly descriptors: readonly number[];
  /** Called with each message of the program. */
  readonly onMessage: (message: unknown) => void;
}

export interface Heir {
  readonly pid: number;
  /** Resolves when the program has ended, with why in words; it never rejects. A program that could not be started has ended too. */
  readonly ended: Promise<string>;
  /** Does nothing when the program is gone. */
  tell(message: string): void;
  /** Ends the channel: from here on the program is on its own. */
  letGo(): void;
  kill(): void;
}

/** The program leads a session of its own (setsid) in `/`, so that what ends this process's group or terminal leaves it alone. */
export function startHeir(file: string, args: readonly string[], { env, output, descriptors, onMessage }: HeirOptions): Heir {
  const child = spawn(file, [...args], { cwd: '/', env: { ...env }, detached: true, stdio: ['ignore', output, output, ...descriptors, 'ipc'] });
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(signal === null ? `it exited with code ${code ?? 0}` : `it was ended by ${signal}`));
  });
  child.on('message', onMessage);
  child.unref();
  child.channel?.unref();
  return {
    pid: child.pid ?? 0,
    ended,
    tell: (message) => {
      // A program that has just died cannot be told anything; its end is what tells.
      if (child.connected) child.send(message, () => undefined);
    },
    letGo: () => {
      if (child.connected) child.disconnect();
    },
    kill: () => void child.kill('SIGKILL'),
  };
}
