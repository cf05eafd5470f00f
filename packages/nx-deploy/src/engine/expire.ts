/** Ends releases that were kept running without traffic, once their time has passed. */
import { WEB, type Emit, type Ms, type Observed, type Processes, type ReleaseId } from '../model/index.js';
import type { Platform } from '../platforms/platform.js';
import type { Lease } from '../releases/index.js';

export interface ExpireContext {
  readonly platform: Pick<Platform, 'list' | 'scale' | 'keep'>;
  /** Of the wall clock, ms since the epoch. */
  readonly now: Ms;
  /** Looked at before each effect. Whoever calls this without it sees to it in another way that nobody else is at work. */
  readonly lease?: Lease;
  /** A release whose time is over although `now` does not say so, because the wall clock was set back. */
  readonly isOver?: (release: ReleaseId) => boolean;
  readonly emit?: Emit;
}

/** `fleet`: what was seen, where nothing was ended; whoever goes on from there need not look again. */
export interface Expired {
  readonly ended: readonly ReleaseId[];
  readonly fleet?: Observed;
}

/**
 * Resolves with the releases that were ended, when they are. What has traffic is left alone, whatever its time says. Its time is forgotten only when a
 * release is gone, so that one whose end is interrupted is ended by the next call. Rejects with what the platform rejects with.
 */
export async function expireWarm({ platform, now, lease, isOver = () => false, emit }: ExpireContext): Promise<Expired> {
  const fleet = await platform.list();
  const ended = Object.entries(fleet).flatMap(([id, { weight, until }]) => (weight === 0 && until !== undefined && (hasPassed(until, now) || isOver(id)) ? [id] : []));
  if (ended.length === 0) return { ended, fleet };
  await Promise.all(ended.map(async (id) => {
    emit?.({ type: 'note', text: `release ${id} was kept until ${fleet[id]?.until ?? ''} and is ended now` });
    await lease?.assert();
    await platform.scale(id, none(fleet, id));
  }));
  await lease?.assert();
  const left = Object.entries(await platform.list()).flatMap(([id, { until }]) => (until === undefined || ended.includes(id) ? [] : [[id, until] as const]));
  await platform.keep(Object.fromEntries(left));
  return { ended };
}

function none(fleet: Observed, id: ReleaseId): Processes {
  return Object.fromEntries([WEB, ...Object.keys(fleet[id]?.processes ?? {})].map((name) => [name, { fixed: 0 }]));
}

/** What is no time has passed. */
function hasPassed(until: string, now: Ms): boolean {
  const at = Date.parse(until);
  return Number.isNaN(at) || at <= now;
}
