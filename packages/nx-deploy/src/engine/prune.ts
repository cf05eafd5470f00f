/** Removes stored releases that nobody can want any more. */
import { asDeployError, DeployError } from '../errors.js';
import type { Emit, ReleaseId } from '../model/index.js';
import type { Platform } from '../platforms/platform.js';
import { lastSucceeded, type Ledger } from '../releases/index.js';

/** Failed releases whose logs are still worth a look. */
const KEEP_FAILED = 3;

interface PruneContext {
  readonly platform: Platform;
  readonly request: { readonly keep: number };
  readonly emit: Emit;
}

/** A stored release that is not needed. `bytes` are those of its artifact, parts of which other releases may share. */
export interface Surplus {
  readonly id: ReleaseId;
  readonly bytes: number;
}

/**
 * Stored releases other than: what runs, has traffic or is warm, what an unfinished change goes back or on to, the last `keep` that succeeded, and the
 * `recent` newest of any outcome.
 * @throws DeployError ND-STATE-DAMAGED while a broken ledger names fewer successes than are to be kept: which those were is not known then.
 */
export async function surplus(platform: Platform, { keep, recent }: { readonly keep: number; readonly recent: number }): Promise<readonly Surplus[]> {
  const { ledger, journal, releases } = platform.state;
  const entries = await ledger.entries();
  const succeeded = lastSucceeded(entries, keep);
  if (succeeded.length < keep) await assertWhole(ledger);
  const newest = [...new Set(entries.flatMap((entry) => ('release' in entry ? [entry.release] : [])).reverse())].slice(0, recent);
  const left = await journal.read();
  const kept = new Set([
    ...Object.keys(await platform.list()), ...succeeded, ...newest, ...Object.keys(left?.from ?? {}), ...Object.keys(left?.to ?? {}),
  ]);
  return (await releases.list()).filter(({ id }) => !kept.has(id)).map(({ id, artifact }) => ({ id, bytes: artifact.bytes }));
}

async function assertWhole(ledger: Ledger): Promise<void> {
  const { ok, broken } = await ledger.verify();
  if (ok) return;
  throw new DeployError('ND-STATE-DAMAGED', {
    what: 'no release was removed, for the ledger does not tell which ones are still wanted', where: broken ?? 'the ledger',
    next: 'restore it from a backup; or go on: when enough deploys have succeeded behind the damage, old releases are removed again',
  });
}

/** Resolves with those that were removed; that one could not be is a note. */
export async function removeAll({ platform, emit }: Pick<PruneContext, 'platform' | 'emit'>, doomed: readonly Surplus[]): Promise<readonly Surplus[]> {
  const removed: Surplus[] = [];
  for (const release of doomed) {
    try {
      await platform.remove(release.id);
      removed.push(release);
    } catch (thrown) {
      emit({ type: 'note', text: `the old release ${release.id} could not be removed: ${asDeployError(thrown).message}` });
    }
  }
  return removed;
}

/** At the end of a change. A failure is a note, never fatal. */
export async function prune({ platform, request, emit }: PruneContext, live: ReleaseId): Promise<readonly ReleaseId[]> {
  try {
    const doomed = (await surplus(platform, { keep: request.keep, recent: KEEP_FAILED })).filter(({ id }) => id !== live);
    return (await removeAll({ platform, emit }, doomed)).map(({ id }) => id);
  } catch (thrown) {
    emit({ type: 'note', text: `old releases could not be removed: ${asDeployError(thrown).message}` });
    return [];
  }
}
