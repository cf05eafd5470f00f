/** Brings a change that was interrupted to what it wanted, instead of back. It needs no build: what is wanted is stored. */
import { asDeployError, DeployError } from '../errors.js';
import type { ReleaseId } from '../model/index.js';
import type { Platform } from '../platforms/platform.js';
import { type Action, type JournalRecord, type LedgerEnd, type LedgerEntry } from '../releases/index.js';
import { pausedError, waiting } from './decide.js';
import { goalOf, recover } from './recover.js';
import type { ChangeResult } from './request.js';
import type { Goal } from './target.js';
import { hookRunner, timed, type HeldChange } from './walk.js';

/** A change that was interrupted. */
export interface Interrupted {
  readonly run: string;
  readonly action: Action;
  readonly goal: Goal;
  readonly previous: ReleaseId | undefined;
}

/**
 * The change that is on record as unfinished; else the newest one, if a recovery took it back.
 * @throws DeployError ND-NOT-INTERRUPTED when there is neither, ND-ARTIFACT-MISSING when what it wanted is not stored any more.
 */
export async function interruptedChange(platform: Platform): Promise<Interrupted> {
  const { journal, ledger } = platform.state;
  const left = await journal.read();
  const asked = await waiting(platform);
  if (asked !== undefined) throw pausedError(asked);
  const found = left === undefined ? await takenBack(platform, await ledger.entries()) : await unfinished(left);
  if (found === undefined) {
    throw new DeployError('ND-NOT-INTERRUPTED', { what: 'there is nothing to resume', why: 'no change was interrupted', next: 'deploy as usual; status shows what runs' });
  }
  if (await platform.exists(found.goal.release.id)) return found;
  throw new DeployError('ND-ARTIFACT-MISSING', {
    what: `the ${found.action} ${found.run} cannot be resumed`, why: `release ${found.goal.release.id} is not stored any more, or was not yet`, next: 'build and deploy it again',
  });
}

async function unfinished(left: JournalRecord): Promise<Interrupted | undefined> {
  const id = goalOf(left);
  const release = id === undefined ? undefined : left.releases[id];
  if (id === undefined || release === undefined) return undefined;
  const previous = Object.keys(left.from).find((other) => other !== id && (left.from[other]?.weight ?? 0) > 0);
  return { run: left.run, action: left.action === 'rollback' ? 'rollback' : 'deploy', goal: { release, processes: left.to[id]?.processes ?? {} }, previous };
}

async function takenBack(platform: Platform, entries: readonly LedgerEntry[]): Promise<Interrupted | undefined> {
  const last = entries.at(-1);
  if (!wasTakenBack(last)) return undefined;
  const start = entries.find((entry) => entry.kind === 'start' && entry.run === last.run);
  const release = await platform.state.releases.get(last.release);
  if (start?.kind !== 'start' || release === undefined) return undefined;
  return { run: last.run, action: last.action, goal: { release, processes: start.processes }, previous: start.previous };
}

function wasTakenBack(entry: LedgerEntry | undefined): entry is LedgerEntry & LedgerEnd {
  return entry?.kind === 'end' && entry.recovered === true && entry.outcome !== 'done';
}

/** Goes forward from the journal that was left. Undefined when there is none any more: then the change is made like any other. */
export async function resume(context: HeldChange, interrupted: Interrupted): Promise<Partial<ChangeResult> & Pick<ChangeResult, 'outcome'> | undefined> {
  const { platform, request, emit, lease } = context;
  const recovery = await timed(context, context.stages, 'walk', () => recover({
    platform, actor: request.actor, emit, resume: true, signal: context.signal, ...(lease === undefined ? {} : { lease }),
    afterWalk: (journal) => hookRunner(context, interrupted, journal)('after'),
  }));
  if (recovery === undefined) return undefined;
  if (recovery.way === 'forward') return { outcome: 'done' };
  const error = recovery.error ?? asDeployError(new Error('the recovery went another way'));
  return {
    outcome: 'not-restored', error: error.toJSON(),
    restoreError: new DeployError('ND-NOT-RESTORED', {
      what: `the ${interrupted.action} ${interrupted.run} is still unfinished`, next: 'remove the cause and resume again, or run repair to go back to what ran before',
    }).toJSON(),
  };
}
