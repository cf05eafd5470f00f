import { DeployError } from '../errors.js';
import type { Lease, Lock, LockHolder, Task } from './state-store.js';

/** A mutex inside one process: it ends with the process, so a crash frees it. */
export function memoryLock(what: string): Lock {
  let held: LockHolder | undefined;
  let lease: Lease | undefined;
  return {
    holder: () => Promise.resolve(held),
    revoke(run) {
      if (held?.run !== run) return Promise.resolve(false);
      held = lease = undefined;
      return Promise.resolve(true);
    },
    acquire(holder) {
      if (held !== undefined) return Promise.reject(lockedError(what, held));
      held = holder;
      const own: Lease = {
        assert: () => (lease === own ? Promise.resolve() : Promise.reject(lostError(what))),
        release: () => {
          if (lease === own) held = lease = undefined;
          return Promise.resolve();
        },
      };
      lease = own;
      return Promise.resolve(own);
    },
  };
}

export function lostError(what: string): DeployError {
  return new DeployError('ND-LEASE-LOST', {
    what: `the lock of ${what} is no longer held by this run`, why: 'it was taken away by unlock, or has run out', next: 'see what status says, then run repair or deploy again',
  });
}

export function lockedError(what: string, holder: LockHolder): DeployError {
  return new DeployError('ND-LOCKED', {
    what: `${what} is locked by another ${holder.action}`,
    why: `${holder.actor.user}@${holder.actor.host} (process ${holder.actor.pid}) holds it since ${holder.since}, run ${holder.run}`,
    next: isTask(holder.action)
      ? `wait until it has ended (status --follow watches it), for a ${holder.action} cannot be cancelled, or run unlock if it hangs`
      : 'wait until it has ended (status --follow watches it), press Ctrl-C where it runs to have it restored, or run unlock if it hangs',
  });
}

/** It has nothing to go back to, so nobody can ask it to. */
export function isTask(action: LockHolder['action']): action is Task {
  return action !== 'deploy' && action !== 'rollback';
}
