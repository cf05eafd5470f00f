/** Brings to an end what an agent that was killed had begun. */
import { hostname } from 'node:os';
import { recover } from '../engine/recover.js';
import { localPlatform } from '../platforms/local/platform.js';
import type { LocalService } from '../platforms/local/service.js';
import type { Actor, LockHolder } from '../releases/index.js';

/** The agent itself, where it does something that nobody asked for. */
export function agentActor(): Actor {
  return { user: 'agent', host: hostname(), pid: process.pid };
}

/** The agent's own run that ends what is no longer warm: a prune of what runs. */
export function newExpiry(): LockHolder {
  const since = new Date().toISOString();
  return { run: `expiry-${since}`, action: 'prune', actor: agentActor(), since };
}

/** Never rejects: a recovery that fails stays on record, for `status` and for the next command. */
export async function recoverService(service: LocalService, log: (message: string, facts?: unknown) => void): Promise<void> {
  const { state, record } = service;
  try {
    const left = await state.journal.read();
    if (left === undefined) return;
    const actor = agentActor();
    const lease = await state.lock.acquire({ run: left.run, action: left.action, actor, since: new Date().toISOString() });
    try {
      const platform = localPlatform(service, record.listen ?? { address: '127.0.0.1' });
      const recovery = await recover({ platform, actor, emit: (event) => log('recovery', { run: left.run, event }) });
      log('recovered', { run: left.run, way: recovery?.way, error: recovery?.error?.message });
    } finally {
      await lease.release();
    }
  } catch (error) {
    log('a recovery failed', error);
  }
}
