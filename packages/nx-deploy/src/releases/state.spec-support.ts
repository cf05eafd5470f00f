/** What is written in specs of state, whatever holds it. */
import type { LedgerBody, LockHolder } from './state-store.js';

export function lockHolder(run: string): LockHolder {
  return { run, action: 'deploy', actor: { user: 'tester', host: 'here', pid: 1 }, since: '2026-01-01T00:00:00.000Z' };
}

export function startBody(run: string): LedgerBody {
  return { kind: 'start', run, release: 'r0123456789ab', at: '2026-01-31T12:00:00.000Z', actor: { user: 'ann', host: 'ci', pid: 1 }, action: 'deploy', strategy: 'rolling', processes: {} };
}
