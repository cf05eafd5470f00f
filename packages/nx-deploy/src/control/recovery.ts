/** Brings to an end what an agent that was killed had begun. */
import { hostname } from 'node:os';
import { closeOpenRuns, unansweredIn } from '../engine/open-runs.js';
import { endOrphanedHook } from '../engine/orphaned-hook.js';
import { recover } from '../engine/recover.js';
import { localPlatform } from '../platforms/local/platform.js';
import type { LocalService } from '../platforms/local/service.js';
import { openRuns, type Actor, type LockHolder } from '../releases/index.js';

/** The agent itself, where it does something that nobody asked for. */
export function agentActor(): Actor {
  return { user: 'agent', host: hostname(), pid: process.pid };
}

/** The agent's own run that ends what is no longer warm: a prune of what runs. */
export function newExpiry(): LockHolder {
  const since = new Date().toISOString();
  return { run: `expiry-${since}`, action: 'prune', actor: agentActor(), since };
}

/** Of a run that is gone. The next command tells it to somebody. */
export async function endLeftHook({ state, host, routeKey }: LocalService): Promise<void> {
  await endOrphanedHook({ state, told: false, say: (text) => host.log(`${routeKey}: ${text}`) });
}

/** Never rejects: a recovery that fails stays on record, for `status` and for the next command. */
export async function recoverService(service: LocalService, log: (message: string, facts?: unknown) => void): Promise<void> {
  const { state, record } = service;
  try {
    const left = await state.journal.read();
    const entries = await state.ledger.entries();
    const lost = unansweredIn(entries)?.run;
    const begun = left ?? openRuns(entries).find(({ run }) => run !== lost);
    const hook = await state.hook.read();
    if (begun === undefined && (hook === undefined || hook.ended !== undefined)) return;
    const { run, action } = begun ?? { run: hook?.run ?? '', action: 'repair' };
    const actor = agentActor();
    const lease = await state.lock.acquire({ run, action, actor, since: new Date().toISOString() });
    try {
      await endLeftHook(service);
      const platform = localPlatform(service, record.listen ?? { address: '127.0.0.1' });
      const recovery = await recover({ platform, actor, lease, emit: (event) => log('recovery', { run, event }) });
      for (const line of await closeOpenRuns({ platform, actor, lease, unattended: true })) log('recovery', { run, line });
      log('recovered', { run, way: recovery?.way, error: recovery?.error?.message });
    } finally {
      await lease.release();
    }
  } catch (error) {
    log('a recovery failed', error);
  }
}
