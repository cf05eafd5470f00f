/** The standby's own side: it does nothing until it is its turn. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Ms } from '../model/index.js';
import { isAlive } from '../shell/process-table.js';
import type { Claimant } from './sole.js';

const POLL: Ms = 50;
/** 0 to 2 are the standard streams. */
const FIRST_DESCRIPTOR = 3;

/** Says that this process is ready, and resolves true when the active agent is gone or hands over, false when this process is to end. */
export function waitForTurn(): Promise<boolean> {
  return new Promise((resolve) => {
    process.on('message', (message) => { if (message === 'leave') resolve(false); });
    process.once('disconnect', () => resolve(true));
    if (process.connected) process.send?.('ready');
    else resolve(true);
  });
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
