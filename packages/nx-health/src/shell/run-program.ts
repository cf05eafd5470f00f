/** Starts a program and waits for its end. The only folder of this package that starts processes. */
import { spawn } from 'node:child_process';

export interface ProgramOrder {
  /** Program and arguments; no shell is between. */
  readonly argv: readonly string[];
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** What it reads; without it, nothing. */
  readonly input?: string;
  /** Ends it, with all that it started. */
  readonly signal: AbortSignal;
}

export interface ProgramEnd {
  /** null: a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The last of what it wrote to both of its outputs, at most 4 KiB. */
  readonly output: string;
}

const KEPT = 4_096;

/** Rejects when it cannot be started. */
export function runProgram({ argv, cwd, env, input, signal }: ProgramOrder): Promise<ProgramEnd> {
  const [program = '', ...rest] = argv;
  return new Promise((resolve, reject) => {
    // A group of its own: what it started must not outlive it.
    const child = spawn(program, rest, { ...(cwd === undefined ? {} : { cwd }), ...(env === undefined ? {} : { env }), stdio: ['pipe', 'pipe', 'pipe'], detached: process.platform !== 'win32', windowsHide: true });
    let output = '';
    const keep = (chunk: Buffer): void => { output = (output + chunk.toString('latin1')).slice(-KEPT); };
    const end = (): void => {
      killGroup(child.pid);
      // Whoever left the group may hold the pipes open; nobody waits for him.
      child.stdout.destroy();
      child.stderr.destroy();
      child.kill('SIGKILL');
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    // One that ends without reading breaks the pipe.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input ?? '');
    child.on('error', reject);
    child.on('exit', (code, by) => {
      // A child of it may hold its outputs open for as long as it likes: what it wrote by now is what counts.
      setImmediate(() => {
        killGroup(child.pid);
        child.stdout.destroy();
        child.stderr.destroy();
        resolve({ code, signal: by, output });
      });
    });
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  });
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined || process.platform === 'win32') return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended, and nothing is left of its group.
  }
}
