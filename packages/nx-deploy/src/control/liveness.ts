/** Notices that an agent which is waited for does not answer any more: a stopped process keeps its connections, and says nothing for ever. */
import { DeployError } from '../errors.js';
import type { Home } from '../agent/home.js';
import type { Ms } from '../model/index.js';
import { isStopped } from '../shell/process-table.js';
import { claimants, type Claimant } from './sole.js';

/** Pause before each question. */
const QUIET: Ms = 5_000;
/** Questions in a row without an answer. One alone proves nothing: this process may have slept as well. */
const MISSES = 4;
/** The same when the system says that every agent is stopped. */
const MISSES_STOPPED = 2;

export interface Liveness {
  /** Aborts when the agent does not answer any more, with an error that says so. */
  readonly signal: AbortSignal;
  /** To be called with everything that comes: who speaks is not asked. */
  heard(): void;
  stop(): void;
}

/** `asked` resolves true when the agent has answered, or is gone, which whoever waits for it sees by itself. */
export function watchLiveness(home: Home, asked: () => Promise<boolean>): Liveness {
  const silence = new AbortController();
  let misses = 0;
  let spoke = false;
  let timer: NodeJS.Timeout;
  const look = async (): Promise<void> => {
    const alive = spoke || await asked();
    misses = alive ? 0 : misses + 1;
    spoke = false;
    const named = alive ? [] : await claimants(home.lockFile);
    if (misses < (await allStopped(named) ? MISSES_STOPPED : MISSES)) plan();
    else if (!over) silence.abort(silentError(named));
  };
  let over = false;
  const plan = (): void => {
    if (!over) timer = setTimeout(() => { look().catch(plan); }, QUIET).unref();
  };
  plan();
  return {
    signal: silence.signal,
    heard: () => { spoke = true; },
    stop: () => {
      over = true;
      clearTimeout(timer);
    },
  };
}

export async function allStopped(processes: readonly Claimant[]): Promise<boolean> {
  const states = await Promise.all(processes.map(({ pid }) => isStopped(pid)));
  return states.length > 0 && states.every((stopped) => stopped);
}

/** With what the user can do about it. */
export function silentError(processes: readonly Claimant[]): DeployError {
  const pids = processes.map(({ pid }) => pid);
  return new DeployError('ND-AGENT-SILENT', {
    what: 'the agent runs but does not answer',
    ...(pids.length === 0 ? {} : { where: `process ${pids.join(' and its standby ')}` }),
    why: 'it was stopped (SIGSTOP, a frozen container), or the machine is too busy to run it',
    next: pids.length === 0
      ? 'run the command again'
      : `wake it with \`kill -CONT ${pids.join(' ')}\`, or end it with \`kill -KILL ${pids.join(' ')}\` (instances go on running), and run the command again`,
  });
}
