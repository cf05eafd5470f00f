/** Runs that have a beginning in the ledger and nothing else: they were killed before their first journal record. */
import { reached, type Emit } from '../model/index.js';
import type { Platform } from '../platforms/platform.js';
import { openRuns, type Actor, type Lease, type LedgerEntry, type LedgerStart } from '../releases/index.js';

export interface CloseContext {
  readonly platform: Platform;
  readonly actor: Actor;
  /** Of whoever holds the lock. */
  readonly lease?: Lease | undefined;
  /** Nobody watches: a change whose question was lost is left open, so that status goes on telling of it. */
  readonly unattended?: boolean;
}

/** A change that asked a person and has neither an end nor a journal: what it came from is lost, and its releases may share the traffic. */
export async function lostQuestion({ state }: Pick<Platform, 'state'>): Promise<LedgerStart | undefined> {
  const lost = unansweredIn(await state.ledger.entries());
  return lost === undefined || await state.journal.read() !== undefined ? undefined : lost;
}

/** That asked and has no end. */
export function unansweredIn(entries: readonly LedgerEntry[]): LedgerStart | undefined {
  const asked = new Set(entries.flatMap(({ kind, run }) => (kind === 'paused' ? [run] : [])));
  return openRuns(entries).find(({ run }) => asked.has(run));
}

/**
 * Gives every such run its end, by what is there: `done` when exactly that runs which it wanted, else `restored`, since a run journals before each
 * effect. Resolves with one line per run. Does nothing while a journal is there: that run is recovered, not closed. The caller holds the lock.
 */
export async function closeOpenRuns({ platform, actor, lease, unattended }: CloseContext): Promise<readonly string[]> {
  const { ledger, journal } = platform.state;
  const entries = await ledger.entries();
  const lost = unattended === true ? unansweredIn(entries)?.run : undefined;
  const open = openRuns(entries).filter(({ run }) => run !== lost);
  if (open.length === 0 || await journal.read() !== undefined) return [];
  // What is kept without traffic belongs to no run.
  const fleet = Object.fromEntries(Object.entries(await platform.list()).filter(([, { until, weight }]) => until === undefined || weight > 0));
  const lines: string[] = [];
  for (const { run, action, release, at, processes } of open) {
    const outcome = reached({ [release]: { processes, weight: 100 } }, fleet) ? 'done' : 'restored';
    await lease?.assert();
    await ledger.append({
      kind: 'end', run, action, release, outcome, at: new Date().toISOString(), actor, durationMs: Math.max(0, Date.now() - Date.parse(at)), recovered: true,
    });
    lines.push(`the ${action} ${run} had no end on record; it is closed as ${outcome}`);
  }
  return lines;
}

/**
 * Tells what was interrupted and had come to its end before this run began: an agent recovers by itself, and nobody watched it. Told until something
 * else stands in the ledger. A ledger that cannot be read is no reason to refuse, here.
 */
export async function tellRecovered(platform: Platform, emit: Emit): Promise<void> {
  const last = await platform.state.ledger.entries().then((entries) => entries.at(-1), () => undefined);
  if (wasRecovered(last)) emit({ type: 'note', text: `the ${last.action} ${last.run} was interrupted; its recovery ended as ${last.outcome} at ${last.at}` });
}

function wasRecovered(entry: LedgerEntry | undefined): entry is Extract<LedgerEntry, { kind: 'end' }> {
  return entry?.kind === 'end' && entry.recovered === true;
}
