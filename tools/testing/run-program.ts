import { spawn, type ChildProcess } from 'node:child_process';

export interface Program {
  /** JavaScript file that node runs. */
  readonly file: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  /** ms after which it is ended and counts as late. */
  readonly deadline: number;
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

/**
 * Runs a program in a process group of its own with this process's output, and waits for it. Whatever of the group
 * outlives it is ended, so that nothing of one stage disturbs the next or prints after the closing line.
 * Never rejects: a program that cannot be started ends with code and signal null.
 *
 * @param signal ends the program's group when aborted
 */
export async function runProgram(program: Program, signal: AbortSignal, within = patience): Promise<Ending> {
  if (signal.aborted) return { code: null, signal: null, late: false };
  const child = spawn(process.execPath, [program.file, ...program.args], {
    cwd: program.cwd, env: program.env, stdio: ['ignore', 'inherit', 'inherit'], detached: true,
  });
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
