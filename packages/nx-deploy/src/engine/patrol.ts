/** Looks after one release, second by second, until its time is over, nobody wants it any more, or it does badly. */
import { askerOf, fewestRequests, gravest, judge, pause, Probing, RISK, type BaselineWanted, type Judgement, type ProbeMeans } from '../analysis/index.js';
import { watchOver, type Seen } from '../apply/soak.js';
import type { StrategyOptions } from '../config/resolved.js';
import { formatDuration, needsBaseline, type Analysis, type Metrics, type Ms, type ReleaseId, type Trigger, type WatchTerms } from '../model/index.js';
import type { Platform } from '../platforms/platform.js';
import type { ChangeRequest } from './request.js';

export interface Patrol {
  readonly platform: Platform;
  readonly release: ReleaseId;
  readonly terms: WatchTerms;
  /** What the router had counted before the deploy; undefined where nothing is known. */
  readonly baseline?: Metrics | undefined;
  readonly probing?: ProbeMeans | undefined;
  /** For how long. */
  readonly time: Ms;
  /** Does it still concern anybody? Asked while nobody holds the lock. */
  readonly concerns: () => Promise<boolean>;
  /** Another agent began it: instances that ended between the two are being started again, and have their whole time to become ready. */
  readonly resumed?: boolean;
  readonly signal: AbortSignal;
}

/** fine: all of the time passed. left: nobody wants it any more, or another release has the traffic. unknown: all of the time passed, and too little is known. */
export type PatrolEnd = { readonly kind: 'fine' | 'left' } | { readonly kind: 'failed' | 'unknown'; readonly problems: readonly string[] };

const LOOK: Ms = 1_000;
/** One bad second is nothing yet. */
const BAD_LOOKS = 3;
/** In a row that the platform did not answer; after that nobody looks any more. */
const BLIND_LOOKS = 30;

export function analysisOf(strategy: StrategyOptions): Analysis | undefined {
  return 'analyse' in strategy ? strategy.analyse : undefined;
}

/** What has to be known of the time before the change; undefined: nothing. There is one baseline, of the longest time that anything asks for. */
export function baselineWanted({ strategy, watch }: Pick<ChangeRequest, 'strategy' | 'watch'>): BaselineWanted | undefined {
  const { terms, ms = 0 } = watch ?? {};
  const own = analysisOf(strategy);
  const judged = ms === 0 ? [] : terms?.triggers.filter(({ window, lasting }) => lasting !== true || window <= ms) ?? [];
  const wanted = [
    ...judged.map(({ rules }) => ({ rules, minimum: terms?.minimum ?? 0, window: terms?.baseline ?? 0 })),
    ...(own === undefined ? [] : [{ rules: own.rules, minimum: own.minimum, window: own.baseline ?? 0 }]),
  ].filter(({ rules }) => needsBaseline(rules));
  if (wanted.length === 0) return undefined;
  const fewest = wanted.flatMap(({ rules, minimum }) => rules.filter(({ of }) => of === 'baseline').map((rule) => fewestRequests(rule, minimum)));
  return { window: Math.max(...wanted.map(({ window }) => window)), minimum: Math.max(...fewest) };
}

/** Rejects when the platform cannot be asked for half a minute, or at the end, which says nothing of the release. */
export async function patrol(order: Patrol): Promise<PatrolEnd> {
  const { platform, release, terms, signal, probing = { variables: {}, cwd: '/' } } = order;
  const late = order.resumed === true ? await comeBack(order) : [];
  if (signal.aborted) return { kind: 'left' };
  const probes = new Probing(terms.probes.map((probe) => ({ probe, asker: askerOf(probe, probing, () => platform.address(release)) })));
  try {
    return await new Round(order, probes, late).walk();
  } finally {
    probes.stop();
  }
}

class Round {
  private readonly started = performance.now();
  private bad = 0;
  /** In a row. */
  private blind = 0;
  private unreadySince: number | undefined;
  private known: Judgement = { verdict: 'pass', lines: [] };
  private instances: Awaited<ReturnType<typeof watchOver>> | undefined;

  constructor(private readonly order: Patrol, private readonly probes: Probing, private readonly late: readonly string[]) {}

  async walk(): Promise<PatrolEnd> {
    const { platform, release, time, signal } = this.order;
    await this.ask(async () => { this.instances = await watchOver(platform, [release]); });
    // What looks bad at the end, or is not answered, is looked at as often as before, to be sure.
    while (this.elapsed() < time || (this.bad > 0 && this.bad < BAD_LOOKS) || this.blind > 0) {
      const left = time - this.elapsed();
      await pause(left > 0 ? Math.min(LOOK, left) : LOOK, signal);
      if (signal.aborted) return { kind: 'left' };
      const end = await this.ask(() => this.look());
      if (end !== undefined) return end;
    }
    return this.known.verdict === 'inconclusive' ? { kind: 'unknown', problems: this.known.lines } : { kind: 'fine' };
  }

  private async look(): Promise<PatrolEnd | undefined> {
    const { order: { platform, release, concerns }, late } = this;
    // Whoever holds the lock may take it back to this very release, or only tidy up: what came of it is seen when it has ended.
    if (await platform.state.lock.holder() !== undefined) return undefined;
    if (!await concerns()) return { kind: 'left' };
    this.instances ??= await watchOver(platform, [release]);
    const problems = late.length > 0 ? late : this.problemsOf(await this.instances(this.elapsed(), false)) ?? await this.judged();
    return problems === undefined ? undefined : { kind: 'failed', problems };
  }

  /** One question that nobody answers ends nothing. */
  private async ask<Answer>(question: () => Promise<Answer>): Promise<Answer | undefined> {
    try {
      const answer = await question();
      this.blind = 0;
      return answer;
    } catch (thrown) {
      this.blind += 1;
      if (this.blind >= (this.elapsed() < this.order.time ? BLIND_LOOKS : BAD_LOOKS)) throw thrown;
      return undefined;
    }
  }

  private elapsed(): Ms {
    return performance.now() - this.started;
  }

  /** Instances that are not ready may get ready again, and have the time for it that the watch gives them. */
  private problemsOf({ faults, unready }: Seen): readonly string[] | undefined {
    if (faults.length > 0) return faults;
    if (unready.length === 0) {
      this.unreadySince = undefined;
      return undefined;
    }
    const { time, terms } = this.order;
    const given = terms.unhealthy > time ? 0 : terms.unhealthy;
    this.unreadySince ??= this.elapsed();
    const lasted = this.elapsed() - this.unreadySince;
    if (lasted < given) return undefined;
    return given === 0 ? unready : unready.map((line) => `${line}, for ${formatDuration(lasted)}`);
  }

  private async judged(): Promise<readonly string[] | undefined> {
    const { release } = this.order;
    const asked = this.probes.judge();
    const counted = gravest(await Promise.all(this.order.terms.triggers.map((trigger) => this.trigger(trigger))));
    this.bad = counted.verdict === 'fail' ? this.bad + 1 : 0;
    this.known = gravest([asked, counted]);
    const lines = [...(asked.verdict === 'fail' ? asked.lines : []), ...(this.bad >= BAD_LOOKS ? counted.lines : [])];
    return lines.length === 0 ? undefined : lines.map((line) => `${release}: ${line}`);
  }

  /** The longer a watch is, the more windows there are in it to go wrong by chance in. */
  private async trigger({ rules, window, lasting }: Trigger): Promise<Judgement> {
    const { platform, release, terms: { minimum }, baseline, time } = this.order;
    const elapsed = this.elapsed();
    // A platform that does not count has nothing to judge.
    const metrics = lasting === true && elapsed < window ? undefined : await platform.metrics?.(release, Math.min(window, elapsed));
    if (metrics === undefined) return { verdict: 'pass', lines: [] };
    const judgement = judge({ rules, minimum }, metrics, { baseline }, RISK * Math.min(1, window / time));
    return elapsed <= window ? judgement : { ...judgement, lines: judgement.lines.map((line) => `${line}, in the last ${formatDuration(window)}`) };
  }
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
