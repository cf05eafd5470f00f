/** Starts a program and talks to it by its standard streams alone. The only folder of this package that starts processes. */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { errorCode } from '../errors.js';

export interface ProgramOrder {
  /** Program and arguments; no shell is between. Holds no value: every user of the machine can read it. */
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly variables: NodeJS.ProcessEnv;
  /** What it reads; without it, nothing. */
  readonly input?: string;
  /** Milliseconds after which it is ended. */
  readonly timeout: number;
  /** Bytes of its output that are accepted. */
  readonly largest: number;
}

export type ProgramEnd =
  | { readonly state: 'done'; readonly output: Buffer }
  /** `what` continues "the program ...". Nothing that it wrote is in it: only it knows what of that is secret. */
  | { readonly state: 'failed'; readonly what: string };

/** Never rejects. */
export async function runProgram(order: ProgramOrder): Promise<ProgramEnd> {
  const [program = '', ...rest] = order.argv;
  try {
    // Its own words go nowhere: a program that repeats what it was given would put values into a log.
    return await endOf(spawn(program, rest, { cwd: order.cwd, env: order.variables, stdio: ['pipe', 'pipe', 'ignore'] }), order);
  } catch (error) {
    // Thrown at once for what no system takes as an argument.
    return notStarted(error);
  }
}

function notStarted(error: unknown): ProgramEnd {
  const code = errorCode(error);
  return { state: 'failed', what: code === 'ENOENT' ? 'was not found' : `could not be started: ${code}` };
}

function endOf(child: ChildProcessByStdio<Writable, Readable, null>, { input, timeout, largest }: ProgramOrder): Promise<ProgramEnd> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    let ended: string | undefined;
    const end = (why: string): void => {
      ended ??= why;
      child.kill('SIGKILL');
    };
    const timer = setTimeout(() => end(`took longer than ${timeout} ms`), timeout);
    child.on('error', (error) => {
      clearTimeout(timer);
      resolve(notStarted(error));
    });
    child.stdout.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > largest) end(`wrote more than ${largest} bytes`);
      else chunks.push(chunk);
    });
    // One that ends without reading breaks the pipe; its exit code says what that means.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input ?? '');
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      if (ended !== undefined) resolve({ state: 'failed', what: ended });
      else if (code === 0) resolve({ state: 'done', output: Buffer.concat(chunks) });
      else resolve({ state: 'failed', what: signal === null ? `ended with exit code ${code ?? 'unknown'}` : `was ended by ${signal}` });
    });
  });
}
