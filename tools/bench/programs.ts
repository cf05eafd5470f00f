/** Programs that the bench starts, each of which it ends. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { accessSync, constants, readFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** ms from its start to its end. */
  readonly wall: number;
}

export interface Place {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Part of cleaning up: it runs although the bench was interrupted. */
  readonly cleaning?: true;
}

const interruption = new AbortController();

/** Ends the program that runs, and lets none but those that clean up begin: the bench then fails, and ends what it started on its way out. */
export function interrupt(): void {
  interruption.abort();
}

/** Runs a program to its end. Rejects, with all that it printed, when it ends otherwise than with 0 or takes longer than `deadline` ms. */
export function run(argv: readonly string[], deadline: number, { cleaning, ...place }: Place = {}): Promise<Ran> {
  const [file = '', ...args] = argv;
  const started = performance.now();
  return new Promise((resolve, reject) => {
    execFile(file, args, { ...place, ...(cleaning === true ? {} : { signal: interruption.signal }), timeout: deadline, killSignal: 'SIGKILL', maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      if (error === null) resolve({ code: 0, stdout, stderr, wall: performance.now() - started });
      else reject(new Error(`${argv.join(' ')}: ${error.message}\n${stdout}${stderr}`));
    });
  });
}

/** Where the shell would find a program; undefined when it is not installed. Debian keeps servers where only root looks. */
export function find(name: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin', '/sbin'];
  return folders.map((folder) => join(folder, name)).find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** A port that nobody has at the moment. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** The clock ticks in which Linux counts what a process used: USER_HZ, the same on all its common builds. */
const TICKS_PER_SECOND = 100;

/** A server in the foreground, with no children of its own that do the work. */
export class Running {
  private complaints = '';
  private readonly ended: Promise<void>;

  private constructor(private readonly child: ChildProcess, readonly url: string) {
    this.ended = new Promise((resolve) => {
      child.once('exit', () => resolve()).once('error', (error) => {
        this.complaints += error.message;
        resolve();
      });
    });
    for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', (text: string) => { this.complaints = (this.complaints + text).slice(-4_000); });
  }

  /** Resolves when it answers at `url`. */
  static async start(argv: readonly string[], url: string): Promise<Running> {
    const [file = '', ...args] = argv;
    const running = new Running(spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'] }), url);
    const end = performance.now() + 10_000;
    while (performance.now() < end && running.alive) {
      if (await answers(url)) return running;
      await sleep(20);
    }
    await running.stop();
    throw new Error(`${argv.join(' ')} does not answer at ${url}: ${running.complaints}`);
  }

  /** Seconds of processor time used so far. */
  get cpu(): number {
    // After the name, which may hold anything: state, and from the 14th field on utime and stime.
    const fields = readFileSync(`/proc/${this.child.pid ?? 0}/stat`, 'latin1').replace(/^.*\) /s, '').split(' ');
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  }

  async stop(): Promise<void> {
    if (!this.alive) return;
    this.child.kill('SIGTERM');
    const timer = setTimeout(() => this.child.kill('SIGKILL'), 3_000);
    await this.ended;
    clearTimeout(timer);
  }

  private get alive(): boolean {
    return this.child.pid !== undefined && this.child.exitCode === null && this.child.signalCode === null;
  }
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(1_000) })).ok;
  } catch {
    return false;
  }
}
