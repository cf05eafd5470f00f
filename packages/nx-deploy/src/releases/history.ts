import type { ReleaseId } from '../model/index.js';
import type { LedgerEntry, LedgerStart } from './state-store.js';

/** Successful releases in the order they were deployed, and which of them is current: undo history, as in an editor. */
export interface History {
  readonly releases: readonly ReleaseId[];
  /** Index of the current one in `releases`; -1 when nothing was deployed. */
  readonly current: number;
}

/**
 * Reads the pointer off the ledger. A deploy cuts what lay ahead of the pointer and goes on top; a rollback only moves the pointer, so that a
 * second rollback goes one further back.
 */
export function history(entries: readonly LedgerEntry[]): History {
  let releases: ReleaseId[] = [];
  let current = -1;
  for (const entry of entries) {
    if (entry.kind === 'destroyed') [releases, current] = [[], -1];
    if (entry.kind !== 'end' || entry.outcome !== 'done') continue;
    // A release may stand there more than once (A, B, A): back is towards the one before the pointer.
    const behind = releases.lastIndexOf(entry.release, Math.max(current, 0));
    const known = behind === -1 ? releases.indexOf(entry.release) : behind;
    if (entry.action === 'rollback' && known !== -1) {
      current = known;
    } else if (releases[current] !== entry.release) {
      releases = [...releases.slice(0, current + 1), entry.release];
      current = releases.length - 1;
    }
  }
  return { releases, current };
}

/** Where a plain rollback goes: the nearest earlier release that differs from the current one. */
export function previousRelease(past: History): ReleaseId | undefined {
  const now = past.releases[past.current];
  return past.releases.slice(0, Math.max(past.current, 0)).reverse().find((id) => id !== now);
}

/** The last `count` distinct releases that succeeded, newest first: what prune keeps. */
export function lastSucceeded(entries: readonly LedgerEntry[], count: number): readonly ReleaseId[] {
  const ids = sinceDestroyed(entries).flatMap((entry) => (entry.kind === 'end' && entry.outcome === 'done' ? [entry.release] : [])).reverse();
  return [...new Set(ids)].slice(0, count);
}

/** The entries after the service was last destroyed: all there is to go on from. */
export function sinceDestroyed(entries: readonly LedgerEntry[]): readonly LedgerEntry[] {
  return entries.slice(entries.findLastIndex((entry) => entry.kind === 'destroyed') + 1);
}

/** The newest success: which release it led to, and with how many instances. */
export function lastSuccess(entries: readonly LedgerEntry[]): Pick<LedgerStart, 'release' | 'processes'> | undefined {
  const recent = sinceDestroyed(entries);
  const end = recent.findLast((entry) => entry.kind === 'end' && entry.outcome === 'done');
  const start = recent.find((entry) => entry.kind === 'start' && entry.run === end?.run);
  return start?.kind === 'start' ? { release: start.release, processes: start.processes } : undefined;
}

/** Runs that began and have no end in the ledger, oldest first. */
export function openRuns(entries: readonly LedgerEntry[]): readonly LedgerStart[] {
  const ended = new Set(entries.flatMap((entry) => (entry.kind === 'end' ? [entry.run] : [])));
  return sinceDestroyed(entries).flatMap((entry) => (entry.kind === 'start' && !ended.has(entry.run) ? [entry] : []));
}
