/** Starts programs as a user's shell would, keeps all that they print, and tells it when a test fails. */
import { spawn, type ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Ending {
  readonly command: string;
  /** Null when a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Both streams, in the order in which they arrived. */
  readonly output: string;
  /** ms from start to end. */
  readonly ms: number;
}

export interface Place {
  readonly cwd: string;
  /** The whole environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Leads a process group of its own. */
  readonly group?: boolean;
  /** ms after which the program is killed; default two minutes. */
  readonly deadline?: number;
}

const DEADLINE_MS = 120_000;

/** A program that runs. */
export class Program {
  readonly ended: Promise<Ending>;
  private readonly child: ChildProcess;
  private readonly chunks: { readonly stream: 'out' | 'err'; readonly bytes: Buffer }[] = [];
  private over = false;

  constructor(private readonly argv: readonly string[], place: Place) {
    const started = performance.now();
    const [file = '', ...args] = argv;
    this.child = spawn(file, args, { cwd: place.cwd, env: { ...place.env }, stdio: ['ignore', 'pipe', 'pipe'], detached: place.group === true });
    this.child.stdout?.on('data', (bytes: Buffer) => void this.chunks.push({ stream: 'out', bytes }));
    this.child.stderr?.on('data', (bytes: Buffer) => void this.chunks.push({ stream: 'err', bytes }));
    const timer = setTimeout(() => this.child.kill('SIGKILL'), place.deadline ?? DEADLINE_MS);
    this.ended = new Promise((resolve, reject) => {
      this.child.once('error', reject);
      this.child.once('close', (code, signal) => {
        this.over = true;
        clearTimeout(timer);
        resolve({
          command: this.argv.join(' '), code, signal, stdout: this.text('out'), stderr: this.text('err'), output: this.output, ms: Math.round(performance.now() - started),
        });
      });
    });
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  get output(): string {
    return this.text();
  }

  send(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Resolves when the output matches. Rejects, with the output, when the program ends first or the time is up. */
  async prints(pattern: RegExp, within = 60_000): Promise<void> {
    const end = performance.now() + within;
    while (!pattern.test(this.output)) {
      if (this.over || performance.now() > end) throw new Error(`${this.argv.join(' ')} never printed ${String(pattern)}, but:\n${this.output}`);
      await sleep(20);
    }
  }

  private text(stream?: 'out' | 'err'): string {
    return Buffer.concat(this.chunks.filter((chunk) => stream === undefined || chunk.stream === stream).map(({ bytes }) => bytes)).toString('utf8');
  }
}

export function runProgram(argv: readonly string[], place: Place): Promise<Ending> {
  return new Program(argv, place).ended;
}

/** The ending itself; throws with all that was printed when the exit code is another. */
export function exited(ending: Ending, code: number): Ending {
  if (ending.code === code) return ending;
  throw unexpected(ending, `exit code ${code}`);
}

/** For `nx run`, which ends with 1, or with 130 when it was another task that failed. */
export function failed(ending: Ending): Ending {
  if (ending.code !== 0 && ending.code !== null) return ending;
  throw unexpected(ending, 'a failure');
}

function unexpected(ending: Ending, wanted: string): Error {
  const how = ending.signal ?? `exit code ${String(ending.code)}`;
  return new Error(`expected ${wanted}, got ${how} after ${ending.ms} ms from: ${ending.command}\n${ending.output}`);
}
