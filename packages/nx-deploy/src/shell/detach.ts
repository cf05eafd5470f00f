/** Starts programs that outlive this process. */
import { spawn } from 'node:child_process';

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

/** Runs a program in the foreground of this process and gives its streams to the caller (the shim around an instance). */
export function attach(argv: readonly string[], options: { readonly cwd: string; readonly env: Readonly<Record<string, string>> }): ReturnType<typeof spawn> {
  const [file = '', ...args] = argv;
  return spawn(file, args, { cwd: options.cwd, env: { ...options.env }, stdio: ['ignore', 'pipe', 'pipe'] });
}
