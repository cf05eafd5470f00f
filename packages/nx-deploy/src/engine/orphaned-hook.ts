/** Hooks are never two at a time: each is on record while it runs, and one whose run was killed is ended before anything else is done. */
import { isDeepStrictEqual } from 'node:util';
import { asDeployError, DeployError } from '../errors.js';
import { endOrphan, startedHook } from '../hooks/orphan.js';
import type { HookTrace } from '../hooks/run-hooks.js';
import { STATE_SCHEMA, type HookRecord, type Lease, type StateStore } from '../releases/index.js';

export interface OrphanContext {
  readonly state: Pick<StateStore, 'hook'>;
  readonly say: (text: string) => void;
  /** Somebody reads what is said. Otherwise it is kept for the next one who calls this. */
  readonly told: boolean;
}

/**
 * Whoever has got the lock calls it first: what is on record then belongs to a run that is gone. Rejects with ND-STATE-DAMAGED when the record cannot be
 * read, and with ND-LOCKED when the hook does not end.
 */
export async function endOrphanedHook({ state, say, told }: OrphanContext): Promise<void> {
  const left = await state.hook.read();
  if (left === undefined || (left.ended !== undefined && !told)) return;
  const { run, hook, ended } = left;
  if (ended !== undefined) say(`the hook ${hook} of ${run} outlived the process that ran it and was ended at ${ended}`);
  const pids = ended === undefined ? await end(left) : [];
  if (pids.length > 0) say(`the hook ${hook} of ${run} outlived the process that ran it and was ended (${pids.length === 1 ? 'process' : 'processes'} ${pids.join(', ')})`);
  // Another one may have done the same meanwhile, and have begun something new.
  if (!isDeepStrictEqual(await state.hook.read(), left)) return;
  if (pids.length === 0 || told) await state.hook.clear();
  else await state.hook.write({ ...left, ended: new Date().toISOString() });
}

async function end({ run, hook, process: started }: HookRecord): Promise<readonly number[]> {
  try {
    return await endOrphan({ run, hook, process: started });
  } catch (thrown) {
    throw new DeployError('ND-LOCKED', {
      what: `the hook ${hook} of the interrupted ${run} still runs`, why: asDeployError(thrown).message,
      next: 'end these processes (a disk that does not answer holds one for as long as it does not), then run the command again',
    }, { cause: thrown });
  }
}

/** Records the hooks of this run. */
export function hookTrace({ hook: records }: Pick<StateStore, 'hook'>, lease: Lease | undefined, { run, hook }: Pick<HookRecord, 'run' | 'hook'>): HookTrace {
  const record = (): HookRecord => ({ schema: STATE_SCHEMA, run, hook, since: new Date().toISOString() });
  return {
    async announce() {
      await lease?.assert();
      await records.write(record());
    },
    async started(pid) {
      const started = await startedHook(pid);
      // One that has ended already is forgotten in a moment.
      if (started === undefined) return;
      await lease?.assert();
      await records.write({ ...record(), process: started });
    },
    async forget() {
      try {
        await lease?.assert();
        await records.clear();
      } catch {
        // The lock is lost, or the agent is gone: whoever has the lock next finds that nothing runs any more.
      }
    },
  };
}
