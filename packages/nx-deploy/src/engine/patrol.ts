/** Looks after one release, second by second, until its time is over, nobody wants it any more, or it does badly. */
import { judge } from '../apply/judge.js';
import { watchOver } from '../apply/soak.js';
import type { StrategyOptions } from '../config/resolved.js';
import type { Analysis, Ms, ReleaseId, Rule } from '../model/index.js';
import type { Platform } from '../platforms/platform.js';

export interface Patrol {
  readonly platform: Platform;
  readonly release: ReleaseId;
  readonly rules: Analysis;
  /** For how long. */
  readonly time: Ms;
  /** ms of the past that the figures are of; all of the time where it is not given. */
  readonly window?: Ms;
  /** Does it still concern anybody? Asked while nobody holds the lock. */
  readonly concerns: () => Promise<boolean>;
  /** Another agent began it: instances that ended between the two are being started again, and have their whole time to become ready. */
  readonly resumed?: boolean;
  readonly signal: AbortSignal;
}

/** fine: all of the time passed. left: nobody wants it any more, or another release has the traffic. */
export type PatrolEnd = { readonly kind: 'fine' | 'left' } | { readonly kind: 'failed'; readonly problems: readonly string[] };

const LOOK: Ms = 1_000;
/** One bad second is nothing yet. */
const BAD_LOOKS = 3;
const FALLBACK: readonly Rule[] = [{ metric: 'errorRate', below: 0.05, of: 'absolute' }];
const FEWEST_REQUESTS = 20;

/** The strategy's own limits where it has some, but those against another release: there may be none left to compare with. */
export function absoluteLimits(own: Analysis | undefined): Analysis {
  const rules = (own?.rules ?? []).filter(({ of }) => of === 'absolute');
  return { rules: rules.length === 0 ? FALLBACK : rules, minimum: own?.minimum ?? FEWEST_REQUESTS, inconclusive: 'stop' };
}

export function analysisOf(strategy: StrategyOptions): Analysis | undefined {
  return 'analyse' in strategy ? strategy.analyse : undefined;
}

/** Rejects when the platform cannot be asked, which says nothing of the release. */
export async function patrol(order: Patrol): Promise<PatrolEnd> {
  const { platform, release, rules, time, window = Infinity, signal } = order;
  const started = performance.now();
  const elapsed = (): Ms => performance.now() - started;
  const late = order.resumed === true ? await comeBack(order) : [];
  if (signal.aborted) return { kind: 'left' };
  const faultsSince = await watchOver(platform, [release]);
  let bad = 0;
  while (elapsed() < time) {
    await pause(Math.min(LOOK, time - elapsed()), signal);
    if (signal.aborted) return { kind: 'left' };
    // Whoever holds the lock may take it back to this very release, or only tidy up: what came of it is seen when it has ended.
    if (await platform.state.lock.holder() !== undefined) continue;
    if (!await order.concerns()) return { kind: 'left' };
    if (late.length > 0) return { kind: 'failed', problems: late };
    const past = Math.min(window, elapsed());
    const faults = await faultsSince(past, false);
    if (faults.length > 0) return { kind: 'failed', problems: faults };
    const metrics = await platform.metrics?.(release, past);
    const { verdict, lines } = metrics === undefined ? { verdict: 'pass', lines: [] } : judge(rules, metrics, undefined, 'early');
    bad = verdict === 'fail' ? bad + 1 : 0;
    if (bad >= BAD_LOOKS) return { kind: 'failed', problems: lines.map((line) => `${release}: ${line}`) };
  }
  return { kind: 'fine' };
}

async function comeBack({ platform, release, time, signal }: Patrol): Promise<readonly string[]> {
  const record = await platform.state.releases.get(release);
  if (record === undefined) return [];
  const given = Math.min(record.spec.health.timeout, time);
  const found = await Promise.race([platform.ready(release, given), aborted(signal)]);
  // The time that the watch has left may be less than it takes to start.
  return found === undefined || found.ready || given === time ? [] : [`${release}: ${found.reason}`];
}

function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    else signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
}

function pause(ms: Ms, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) { resolve(); return; }
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, Math.max(1, ms));
    signal.addEventListener('abort', end, { once: true });
  });
}
