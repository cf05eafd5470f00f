/** A program of an engine that lives as long as somebody holds its standard input, and answers what is sent to it with lines, or with bytes. */
import type { Readable, Writable } from 'node:stream';
import { tmpdir } from 'node:os';
import type { Ms } from '../../model/index.js';
import { endOf, startProgram } from '../program.js';
import { killGroup } from '../run.js';

export interface Held {
  /** False when there is no such program. */
  readonly started: boolean;
  /** Resolves with the next line that the program prints, without its line feed; undefined when it has ended or printed nothing for `limit` ms. One question at a time. */
  line(limit: Ms): Promise<string | undefined>;
  /** The same for exactly so many bytes. */
  bytes(count: number, limit: Ms): Promise<Buffer | undefined>;
  /** Sends a line; what it meets is seen in the answer. */
  send(text: string): void;
  /** Sends bytes as they are. */
  sendBytes(content: Uint8Array): void;
  /** Resolves when the client has ended, with what it printed on standard error. */
  readonly ended: Promise<{ readonly exitCode: number; readonly complaints: string }>;
  /** Closes standard input, waits up to `grace` ms for the end and then ends the client. */
  close(grace: Ms): Promise<void>;
}

const LONGEST_COMPLAINTS = 16 * 1024;
const LINE_FEED = 10;

/** What a program that is held consists of. */
export interface HeldParts {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly ended: Held['ended'];
  /** Ends the client at once. */
  readonly kill: () => void;
}

const UNSTARTED: Held = {
  started: false, line: () => Promise.resolve(undefined), bytes: () => Promise.resolve(undefined), send: () => undefined, sendBytes: () => undefined,
  ended: Promise.resolve({ exitCode: -1, complaints: '' }), close: () => Promise.resolve(),
};

/** The client leads a process group. It ends when this process does, as its input is then closed. */
export function hold(argv: readonly string[], env: Readonly<Record<string, string>>): Held {
  const { child } = startProgram(argv, { cwd: tmpdir(), env, stdin: 'pipe', stderr: 'pipe' });
  const { stdin, stdout, stderr } = child ?? {};
  if (child === undefined || !stdin || !stdout || !stderr) return UNSTARTED;
  let complaints = '';
  stderr.setEncoding('utf8').on('data', (text: string) => { complaints = (complaints + text).slice(-LONGEST_COMPLAINTS); });
  const ended = endOf(child, tmpdir()).then(({ exitCode }) => ({ exitCode: exitCode ?? -1, complaints }));
  return { ...heldOver({ stdin, stdout, ended, kill: () => killGroup(child.pid) }), started: child.pid !== undefined };
}

export function heldOver({ stdin, stdout, ended, kill }: HeldParts): Held {
  stdin.on('error', () => undefined);
  const answers = new Answers(stdout);
  void ended.then(() => answers.end());
  const send = (content: string | Uint8Array): void => { if (stdin.writable) stdin.write(content); };
  return {
    started: true, ended,
    line: (limit) => answers.next(limit, (_, all) => all().indexOf(LINE_FEED) + 1).then((line) => line?.toString('utf8').slice(0, -1)),
    bytes: (count, limit) => (count === 0 ? Promise.resolve(Buffer.alloc(0)) : answers.next(limit, (length) => (length < count ? 0 : count))),
    send: (text) => { send(`${text}\n`); },
    sendBytes: send,
    close: async (grace) => {
      stdin.end();
      const timer = setTimeout(kill, grace);
      await ended;
      clearTimeout(timer);
    },
  };
}

/** Of the answer that is waited for, in what is there: how many bytes it has, 0 while it is not there. */
type Measure = (length: number, all: () => Buffer) => number;

/** What the program printed and nobody took yet. */
class Answers {
  private chunks: Buffer[] = [];
  private length = 0;
  private over = false;
  private wake: (() => void) | undefined;

  constructor(stream: Readable) {
    stream.on('data', (chunk: Buffer) => {
      this.chunks.push(chunk);
      this.length += chunk.length;
      this.wake?.();
    });
  }

  end(): void {
    this.over = true;
    this.wake?.();
  }

  async next(limit: Ms, measure: Measure): Promise<Buffer | undefined> {
    for (;;) {
      const taken = this.take(measure);
      if (taken !== undefined) return taken;
      if (this.over || !await this.more(limit)) return this.take(measure);
    }
  }

  private take(measure: Measure): Buffer | undefined {
    const bytes = measure(this.length, () => this.all());
    if (bytes === 0) return undefined;
    const all = this.all();
    this.chunks = [all.subarray(bytes)];
    this.length -= bytes;
    return all.subarray(0, bytes);
  }

  private all(): Buffer {
    const [first] = this.chunks;
    const all = first !== undefined && this.chunks.length === 1 ? first : Buffer.concat(this.chunks);
    this.chunks = [all];
    return all;
  }

  /** False when nothing came for so long. */
  private async more(limit: Ms): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const came = await new Promise<boolean>((done) => {
      this.wake = () => done(true);
      timer = setTimeout(() => done(false), limit);
    });
    clearTimeout(timer);
    this.wake = undefined;
    return came;
  }
}
