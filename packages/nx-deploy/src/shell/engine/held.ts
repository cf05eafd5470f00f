/** A program of an engine that lives as long as somebody holds its standard input, and answers each line with one. */
import type { Readable, Writable } from 'node:stream';
import { tmpdir } from 'node:os';
import type { Ms } from '../../model/index.js';
import { killGroup } from '../run.js';

export interface Held {
  /** False when there is no such program. */
  readonly started: boolean;
  /** Resolves with the next line that the program prints; undefined when it has ended or `limit` ms passed. One question at a time. */
  line(limit: Ms): Promise<string | undefined>;
  /** Sends a line; what it meets is seen in the answer. */
  send(text: string): void;
  /** Resolves when the client has ended, with what it printed on standard error. */
  readonly ended: Promise<{ readonly exitCode: number; readonly complaints: string }>;
  /** Closes standard input, waits up to `grace` ms for the end and then ends the client. */
  close(grace: Ms): Promise<void>;
}

const LONGEST_COMPLAINTS = 16 * 1024;

/** The client leads a process group. It ends when this process does, as its input is then closed. */
export async function hold(argv: readonly string[], env: Readonly<Record<string, string>>): Promise<Held> {
  const { execa } = await import('execa');
  const [file = '', ...args] = argv;
  const child = execa(file, args, { cwd: tmpdir(), env, extendEnv: false, detached: true, reject: false, buffer: false, cleanup: false, stdin: 'pipe', stdout: 'pipe', stderr: 'pipe' });
  const streams: { readonly stdin: Writable; readonly stdout: Readable; readonly stderr: Readable } = child;
  let complaints = '';
  streams.stderr.setEncoding('utf8').on('data', (text: string) => { complaints = (complaints + text).slice(-LONGEST_COMPLAINTS); });
  streams.stdin.on('error', () => undefined);
  const answers = new Lines(streams.stdout);
  const ended = (async () => {
    const { exitCode } = await child;
    answers.end();
    return { exitCode: exitCode ?? -1, complaints };
  })();
  return {
    started: child.pid !== undefined, ended,
    line: (limit) => answers.next(limit),
    send: (text) => { if (streams.stdin.writable) streams.stdin.write(`${text}\n`); },
    close: async (grace) => {
      streams.stdin.end();
      const timer = setTimeout(() => killGroup(child.pid), grace);
      await ended;
      clearTimeout(timer);
    },
  };
}

class Lines {
  private readonly waiting: string[] = [];
  private rest = '';
  private over = false;
  private wake: (() => void) | undefined;

  constructor(stream: Readable) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      const parts = (this.rest + text).split('\n');
      this.rest = parts.pop() ?? '';
      this.waiting.push(...parts);
      // A piece of a line is no answer yet.
      if (parts.length > 0) this.wake?.();
    });
  }

  end(): void {
    this.over = true;
    this.wake?.();
  }

  async next(limit: Ms): Promise<string | undefined> {
    if (this.waiting.length === 0 && !this.over) {
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((done) => {
        this.wake = done;
        timer = setTimeout(done, limit);
      });
      clearTimeout(timer);
      this.wake = undefined;
    }
    return this.waiting.shift();
  }
}
