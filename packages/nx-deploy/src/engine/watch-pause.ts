/** Looks after a release that has traffic while its change waits for a person, and takes the change back by itself when it does badly. */
import { absoluteRules, FEWEST_REQUESTS, type Analysis, type Emit, type Ms, type WatchTerms } from '../model/index.js';
import type { Platform } from '../platforms/platform.js';
import type { Actor } from '../releases/index.js';
import { isSame, refusePause, waiting } from './decide.js';
import { patrol } from './patrol.js';
import { goalOf } from './recover.js';

export interface PauseWatch {
  readonly platform: Platform;
  /** Who takes it back. */
  readonly actor: Actor;
  readonly emit: Emit;
  /** Ends the watch; nothing is taken back then. */
  readonly signal: AbortSignal;
}

/** A question may wait for a day, and what went well in the morning says nothing of the evening. */
const WINDOW: Ms = 5 * 60_000;

/** Resolves when nothing waits any more or `signal` says so: true when it took the change back. */
export async function watchPause({ platform, actor, emit, signal }: PauseWatch): Promise<boolean> {
  const seen = await waiting(platform);
  const release = seen === undefined ? undefined : goalOf(seen);
  if (seen === undefined || release === undefined || ((await platform.list())[release]?.weight ?? 0) === 0) return false;
  const end = await patrol({
    platform, release, terms: termsOf(seen.paused.analyse), signal, resumed: true,
    // Whoever takes back what has expired comes at that time.
    time: Math.max(0, Date.parse(seen.paused.expires) - Date.now()),
    concerns: async () => {
      const now = await waiting(platform);
      return now !== undefined && isSame(now, seen);
    },
  });
  if (end.kind !== 'failed') return false;
  return refusePause({ platform, actor, emit }, seen, `it did badly while it waited (${end.problems.join('; ')})`);
}

/** Those of the strategy, but what compares with another release, and what it asks: whoever answers has that. */
function termsOf(analyse: Analysis | undefined): WatchTerms {
  return { unhealthy: 0, triggers: [{ rules: absoluteRules(analyse), window: WINDOW }], minimum: analyse?.minimum ?? FEWEST_REQUESTS, baseline: WINDOW, probes: [], inconclusive: 'keep' };
}
