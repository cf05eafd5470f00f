/** For how long a service has failed, by its ledger. */
import type { Level } from './notice.js';

const MINUTE = 60_000;
/** ms from which on a level is reached: 15, 30, 60 minutes. */
const FROM: readonly (readonly [Level, number])[] = [[4, 60 * MINUTE], [3, 30 * MINUTE], [2, 15 * MINUTE]];

/** What a ledger says of the end of a change. */
export interface Ended {
  /** ISO time. */
  readonly at: string;
  readonly run: string;
  readonly release: string;
  readonly outcome: 'done' | 'restored' | 'not-restored';
  readonly code?: string | undefined;
}

export interface Escalation {
  readonly level: Level;
  /** The same failure of the same release, with the same outcome, was told on this level before. */
  readonly repeated: boolean;
}

/** Of the change `run`, the last of these; or, when it has not ended, of the time now. A success has the level of what it ended. */
export function escalationOf(ends: readonly Ended[], run: string, now: number): Escalation {
  const index = ends.findIndex((end) => end.run === run);
  const before = index === -1 ? ends : ends.slice(0, index);
  const own = ends[index];
  const tail = before.slice(before.findLastIndex(({ outcome }) => outcome === 'done') + 1);
  const since = Date.parse(tail[0]?.at ?? own?.at ?? '');
  const level = levelAfter(now - since);
  const last = tail.at(-1);
  const same = own !== undefined && own.outcome !== 'done' && last?.release === own.release && last.code === own.code && last.outcome === own.outcome;
  return { level, repeated: same && levelAfter(Date.parse(last.at) - since) === level };
}

/** A clock that was set back, or a time that cannot be read, escalates nothing. */
export function levelAfter(ms: number): Level {
  return FROM.find(([, from]) => ms >= from)?.[0] ?? 1;
}
