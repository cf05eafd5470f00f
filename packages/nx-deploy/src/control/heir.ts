/** The standby's own side: it does nothing until it is its turn. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Home } from '../agent/home.js';
import type { Ms } from '../model/index.js';
import { isAlive, isStopped } from '../shell/process-table.js';
import { createAgentLog } from './agent-log.js';
import { BEAT, Pulse } from './pulse.js';
import { inherits, type Claimant } from './sole.js';

const POLL: Ms = 50;
/** 0 to 2 are the standard streams. */
const FIRST_DESCRIPTOR = 3;
/** An active agent that the system says is stopped answers nobody until somebody wakes it. */
const STOPPED_LIMIT: Ms = 5_000;
/** One that is not stopped may only be slow: far longer than any pause that a machine under heavy load was seen to make. */
const SILENT_LIMIT: Ms = 20_000;

/** This process, as far as it talks with its parent. */
export type Heir = Pick<NodeJS.Process, 'ppid' | 'connected' | 'on' | 'once' | 'send' | 'kill'>;

/**
 * Says that this process is ready, and resolves true when the active agent, its parent, is gone or hands over, false when this process is to end.
 * An active agent that does not run any more while this process does is ended.
 */
export function waitForTurn(home: Pick<Home, 'lockFile' | 'logs'>, heir: Heir = process): Promise<boolean> {
  const former = heir.ppid;
  const pulse = new Pulse();
  return new Promise((resolve) => {
    const watch = setInterval(() => {
      if (pulse.silence() >= STOPPED_LIMIT) void endFrozen(home, heir, { former, pulse }).catch(() => undefined);
    }, BEAT);
    const settle = (turn: boolean): void => {
      clearInterval(watch);
      resolve(turn);
    };
    heir.on('message', (message) => {
      if (message === 'leave') settle(false);
      if (message !== 'beat') return;
      pulse.heard();
      tell(heir, 'beat');
    });
    heir.once('disconnect', () => settle(true));
    if (heir.connected) tell(heir, 'ready');
    else settle(true);
  });
}

/** An active agent that has just died cannot be told anything; its end is what tells. */
function tell(heir: Heir, message: string): void {
  if (heir.connected) heir.send?.(message, undefined, undefined, () => undefined);
}

/** By SIGKILL, which a stopped process obeys too. Its channel breaks, and that makes it this process's turn. */
async function endFrozen({ lockFile, logs }: Pick<Home, 'lockFile' | 'logs'>, heir: Heir, { former, pulse }: { readonly former: number; readonly pulse: Pulse }): Promise<void> {
  const active = await inherits(lockFile, former);
  if (active === undefined || !await isAlive(active.pid, active.identity)) return;
  const stopped = await isStopped(active.pid);
  // Asked again: it may have gone on meanwhile.
  const silent = pulse.silence();
  if (silent < (stopped ? STOPPED_LIMIT : SILENT_LIMIT) || !heir.connected) return;
  heir.kill(active.pid, 'SIGKILL');
  createAgentLog(logs).info('the active agent did not answer and was ended', { active: active.pid, silentMs: Math.round(silent), stopped });
}

/** The listeners that this process has inherited, by the names it was started with. Throws when they are no list of names. */
export function inheritedListeners(names: string | undefined): ReadonlyMap<string, number> {
  const list: unknown = JSON.parse(names ?? '[]');
  if (!Array.isArray(list)) throw new TypeError('the names of the listeners are no list');
  return new Map(list.map((name, index) => [String(name), FIRST_DESCRIPTOR + index]));
}

/** Resolves when this very process is gone. */
export async function gone({ pid, identity }: Claimant): Promise<void> {
  while (await isAlive(pid, identity)) await sleep(POLL, undefined, { ref: false });
}
