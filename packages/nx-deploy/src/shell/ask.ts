/** Asks a short-lived program one question: text on its standard input, its standard output as the answer. */
import type { Ms } from '../model/index.js';
import { endOf, startProgram } from './program.js';
import { killGroup } from './run.js';

export interface AskOptions {
  readonly cwd: string;
  /** The whole environment of the program; nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  readonly timeout: Ms;
  /** Bytes of output after which the program is ended. */
  readonly limit: number;
  readonly signal?: AbortSignal;
}

export interface Answer {
  /** Standard output as UTF-8, at most `limit` bytes. It may be a secret: it is for the caller alone. */
  readonly output: string;
  /** Undefined when a signal ended it or it never started. */
  readonly exitCode?: number;
  readonly timedOut: boolean;
  readonly tooLong: boolean;
  readonly cancelled: boolean;
  /** Could it not be started (no such file, not executable)? */
  readonly unstarted: boolean;
}

/** How long what the program left in the background may hold the pipe open. */
const PIPE_GRACE: Ms = 500;

/** Resolves also when the program fails. It leads a process group, which gets SIGKILL at the timeout, at the limit and on abort; its standard error is dropped. */
export async function ask(argv: readonly string[], question: string, options: AskOptions): Promise<Answer> {
  const { child } = startProgram(argv, { cwd: options.cwd, env: options.env, stdin: 'pipe', stderr: 'ignore' });
  if (child === undefined) return { output: '', timedOut: false, tooLong: false, cancelled: false, unstarted: true };
  const ended = { timedOut: false, tooLong: false, cancelled: false };
  const end = (why: keyof typeof ended): void => { ended[why] = true; killGroup(child.pid); };
  const cancel = (): void => end('cancelled');
  const timer = setTimeout(() => end('timedOut'), options.timeout);
  options.signal?.addEventListener('abort', cancel, { once: true });
  if (options.signal?.aborted === true) cancel();
  const chunks: Buffer[] = [];
  let bytes = 0;
  child.stdout?.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > options.limit) end('tooLong');
    else chunks.push(chunk);
  });
  let grace: NodeJS.Timeout | undefined;
  child.once('exit', () => { grace = setTimeout(() => child.stdout?.destroy(), PIPE_GRACE); });
  // It may end without reading the question.
  child.stdin?.on('error', () => undefined);
  child.stdin?.end(question);
  const result = await endOf(child, options.cwd);
  clearTimeout(timer);
  clearTimeout(grace);
  options.signal?.removeEventListener('abort', cancel);
  return {
    output: Buffer.concat(chunks).toString('utf8'),
    ...(result.exitCode === undefined ? {} : { exitCode: result.exitCode }),
    ...ended,
    unstarted: result.startError !== undefined,
  };
}
