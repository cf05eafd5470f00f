import { fork, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { FromLoad, ToLoad } from './main.js';
import type { LoadOptions, LoadReport } from './report.js';

export type { FirstFailure, Kind, KindCounts, LoadOptions, LoadReport } from './report.js';

export interface LoadRun {
  readonly pid: number;
  /** Sends no more, waits for what is in flight and ends the process. A second call gives the same report. */
  stop(): Promise<LoadReport>;
}

const running = new Set<ChildProcess>();

/** Ends those that nobody stopped: a test that fails in the middle does not. */
export function endLoads(): void {
  for (const child of running) child.kill('SIGKILL');
}

/** The repository's root, found from the sources and from dist alike. */
function repositoryRoot(from: string): string {
  if (existsSync(join(from, 'nx.json'))) return from;
  const parent = dirname(from);
  if (parent === from) throw new Error('no nx.json above the load client');
  return repositoryRoot(parent);
}

function program(): string {
  const path = join(repositoryRoot(__dirname), 'dist/tools/load/main.js');
  if (!existsSync(path)) throw new Error(`${path} is missing: compile the tools first (npx tsc -b tools/tsconfig.json)`);
  return path;
}

/** The next message of a type, or the reason why it will not come. */
function message<T extends FromLoad['type']>(child: ChildProcess, type: T, complaints: () => string): Promise<Extract<FromLoad, { type: T }>> {
  return new Promise((resolve, reject) => {
    const settle = (act: () => void): void => {
      child.off('message', onMessage).off('exit', onExit).off('error', onError);
      act();
    };
    const onMessage = (received: FromLoad): void => {
      if (received.type === type) settle(() => resolve(received as Extract<FromLoad, { type: T }>));
      else if (received.type === 'refused') settle(() => reject(new Error(received.message)));
    };
    const onExit = (code: number | null, signal: string | null): void =>
      settle(() => reject(new Error(`the load client ended (${String(signal ?? code)}) before it said ${type}: ${complaints()}`)));
    // An order to a process that has ended is an EPIPE.
    const onError = (error: Error): void => settle(() => reject(new Error(`the load client ended before it said ${type} (${error.message}): ${complaints()}`)));
    child.on('message', onMessage).on('exit', onExit).on('error', onError);
  });
}

/**
 * Starts the load in a process of its own; resolves when it runs.
 * @throws Error when the options make no load, or the process does not start
 */
export async function startLoad(options: LoadOptions): Promise<LoadRun> {
  const child = fork(program(), [], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'], execArgv: [] });
  running.add(child);
  child.once('exit', () => running.delete(child));
  let complaints = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (complaints = (complaints + text).slice(-4000)));
  const tell = (order: ToLoad): void => void child.send(order);
  const started = message(child, 'started', () => complaints);
  tell({ type: 'start', options });
  await started;
  let report: Promise<LoadReport> | undefined;
  const finish = async (): Promise<LoadReport> => {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error(`the load client had ended before: ${complaints}`);
    const told = message(child, 'report', () => complaints);
    const ended = new Promise((resolve) => child.once('exit', resolve));
    tell({ type: 'stop' });
    const received = await told;
    await ended;
    return received.report;
  };
  return { pid: child.pid ?? 0, stop: () => (report ??= finish()) };
}
