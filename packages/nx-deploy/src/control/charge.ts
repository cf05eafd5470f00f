/** Being in charge of a home, and giving it up. */
import { rm } from 'node:fs/promises';
import type { Home } from '../agent/home.js';
import { isAlive } from '../shell/process-table.js';
import { isInCharge, type Claimant } from './sole.js';

/** From here on another agent may take charge. */
export async function release(home: Home): Promise<void> {
  if (!await isInCharge(home.lockFile)) return;
  await rm(home.socket, { force: true });
  await rm(home.lockFile, { force: true });
}

export async function terminate({ pid, identity }: Claimant): Promise<void> {
  if (await isAlive(pid, identity)) process.kill(pid, 'SIGTERM');
}
