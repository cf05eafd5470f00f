import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { constants, getPriority, setPriority } from 'node:os';

export interface Program {
  /** JavaScript file that node runs. */
  readonly file: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  /** ms after which it is ended and counts as late. */
  readonly deadline: number;
  /** Gives way to whatever else wants the processor. */
  readonly yielding?: boolean;
  /** File that takes its output; without it that is this process's. */
  readonly output?: string;
}

export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly late: boolean;
}

/** ms between asking a group to end and ending it. */
const patience = 5_000;

/** Signals a whole process group; false when none of it is left. */
function signalGroup(leader: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(-leader, signal);
  } catch {
    return false;
  }
}

/** Asks the group to end, and ends it when it has not after `patience`. Returns how to call the second part off. */
function endGroup(child: ChildProcess, within: number): () => void {
  const leader = child.pid;
  if (leader === undefined) return () => undefined;
  signalGroup(leader, 'SIGTERM');
  const timer = setTimeout(() => signalGroup(leader, 'SIGKILL'), within);
  return () => clearTimeout(timer);
}

/** What `nice` takes as its step: about a tenth of the processor where others want all of it. */
const step = 10;

/**
 * Lowers the priority of a program and of what it starts. Linux may weigh sessions before it weighs processes, and each program here leads one.
 * Where this cannot be had the program runs all the same.
 */
function yieldProcessor(pid: number): void {
  try {
    const priority = Math.min(getPriority() + step, constants.priority.PRIORITY_LOW);
    setPriority(pid, priority);
    writeFileSync(`/proc/${pid}/autogroup`, String(priority));
  } catch {
    // It has ended already, or this system has no such file.
  }
}

function start(program: Program): ChildProcess {
  const output = program.output === undefined ? undefined : openSync(program.output, 'a');
  try {
    const stdio = output ?? 'inherit';
    return spawn(process.execPath, [program.file, ...program.args], { cwd: program.cwd, env: program.env, stdio: ['ignore', stdio, stdio], detached: true });
  } finally {
    if (output !== undefined) closeSync(output);
  }
}

/**
 * Runs a program in a process group of its own, and waits for it. Whatever of the group
 * outlives it is ended, so that nothing of one stage disturbs the next or prints after the closing line.
 * Never rejects: a program that cannot be started ends with code and signal null.
 *
 * @param signal ends the program's group when aborted
 */
export async function runProgram(program: Program, signal: AbortSignal, within = patience): Promise<Ending> {
  if (signal.aborted) return { code: null, signal: null, late: false };
  const child = start(program);
  if (program.yielding === true && child.pid !== undefined) yieldProcessor(child.pid);
  const callOff: (() => void)[] = [];
  let late = false;
  const end = (): void => void callOff.push(endGroup(child, within));
  signal.addEventListener('abort', end, { once: true });
  const deadline = setTimeout(() => {
    late = true;
    end();
  }, program.deadline);
  const ending = await new Promise<Omit<Ending, 'late'>>((resolve) => {
    child.once('error', () => resolve({ code: null, signal: null }));
    child.once('exit', (code, signalled) => resolve({ code, signal: signalled }));
  });
  clearTimeout(deadline);
  signal.removeEventListener('abort', end);
  for (const off of callOff) off();
  if (child.pid !== undefined) signalGroup(child.pid, 'SIGKILL');
  return { ...ending, late };
}
