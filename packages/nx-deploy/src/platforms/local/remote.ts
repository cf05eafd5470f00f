/** The local platform seen from a process other than the agent: every verb and every part of the state is a call to it. */
import type { LogLine, LogOptions, ReleaseId } from '../../model/index.js';
import type { Lease, StateStore } from '../../releases/index.js';
import type { Platform } from '../platform.js';
import type { Ask } from './calls.js';

export interface Remote extends Pick<Platform, 'name' | 'can'> {
  readonly ask: Ask;
  readonly logs: (release: ReleaseId | undefined, options: LogOptions) => AsyncIterable<LogLine>;
}

export function remotePlatform({ name, can, ask, logs }: Remote): Platform {
  return {
    name,
    can,
    preflight: () => ask('preflight'),
    list: () => ask('list'),
    drift: () => ask('drift'),
    settings: () => ask('settings'),
    revert: (to) => (to === undefined ? ask('revert') : ask('revert', to)),
    stage: (release) => ask('stage', release),
    exists: (release) => ask('exists', release),
    remove: (release) => ask('remove', release),
    scale: (release, processes) => ask('scale', release, processes),
    ready: (release, deadline) => ask('ready', release, deadline),
    address: (release) => ask('address', release),
    route: (weights, arriving) => (arriving === undefined ? ask('route', weights) : ask('route', weights, arriving)),
    keep: (until) => ask('keep', until),
    url: () => ask('url'),
    metrics: (release, window) => ask('metrics', release, window),
    logs,
    state: remoteState(ask),
  };
}

function remoteState(ask: Ask): StateStore {
  const lease: Lease = {
    assert: () => ask('lease.assert'),
    // An agent that is gone holds no lock for anybody.
    release: () => ask('lease.release').catch(() => undefined),
  };
  return {
    ledger: { append: (body) => ask('ledger.append', body), entries: () => ask('ledger.entries'), verify: () => ask('ledger.verify') },
    journal: { read: () => ask('journal.read'), write: (record) => ask('journal.write', record), clear: () => ask('journal.clear') },
    hook: { read: () => ask('hook.read'), write: (record) => ask('hook.write', record), clear: () => ask('hook.clear') },
    lock: {
      holder: () => ask('lock.holder'),
      acquire: async (holder) => {
        await ask('lock.acquire', holder);
        return lease;
      },
      revoke: (run) => ask('lock.revoke', run),
    },
    config: {
      ref: (config) => ask('config.ref', config),
      seal: (config) => ask('config.seal', config),
      open: (ref) => ask('config.open', ref),
      remove: (ref) => ask('config.remove', ref),
    },
    releases: {
      put: (release) => ask('releases.put', release),
      get: (id) => ask('releases.get', id),
      list: () => ask('releases.list'),
      remove: (id) => ask('releases.remove', id),
    },
  };
}
