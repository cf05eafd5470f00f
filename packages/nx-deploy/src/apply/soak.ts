/** Watches a release for a while: its instances all the time, and what the router counts where there are rules. */
import { DeployError } from '../errors.js';
import { formatDuration, NO_METRICS, type Analysis, type Gate, type Metrics, type Ms, type ReleaseId } from '../model/index.js';
import { askerOf, gravest, judge, Probing, type Judgement } from '../analysis/index.js';
import type { Platform } from '../platforms/platform.js';
import type { Hands } from './hands.js';
import type { Asked } from './request.js';

/** Whom the gates look at. */
export interface Subject {
  /** The releases that arrive. */
  readonly arriving: readonly ReleaseId[];
  /** What they are compared with: the release that had the most traffic before, as long as it has some. */
  readonly stable: ReleaseId | undefined;
  /** What the stable release did before the change began. */
  readonly baseline: Metrics | undefined;
}

const LOOK: Ms = 1_000;
const FEWEST_LOOKS = 10;
/** What is bad is bad for more than one look. */
const BAD_LOOKS = 3;
/** How long a person has when nothing else is said. */
const ASK_EXPIRES: Ms = 24 * 60 * 60_000;

/**
 * Resolves when the soak is over and every rule is kept; with a question when it stayed inconclusive and a person is to be asked.
 * @throws DeployError ND-GATE-FAILED, ND-GATE-INCONCLUSIVE, ND-DEADLINE, ND-CANCELLED
 */
export async function soak(hands: Hands, gate: Extract<Gate, { soak: Ms }>, subject: Subject): Promise<Asked | undefined> {
  const { soak: duration, analyse } = gate;
  if (duration === 0) return undefined;
  const looks = new Looks(hands, subject, analyse);
  try {
    return await soakFor(hands, duration, subject, looks);
  } finally {
    looks.stop();
  }
}

async function soakFor(hands: Hands, duration: Ms, subject: Subject, looks: Looks): Promise<Asked | undefined> {
  const tell = (): void => subject.arriving.forEach((release) => hands.emit({ type: 'waiting', release, for: `soak of ${formatDuration(duration)}`, ms: duration }));
  tell();
  const { bounds, platform } = hands;
  const watch = await bounds.ask(() => watchOver(platform, subject.arriving));
  const started = performance.now();
  const elapsed = (): Ms => performance.now() - started;
  let extended = false;
  for (;;) {
    const end = extended ? 2 * duration : duration;
    await bounds.pause(Math.max(1, Math.min(LOOK, duration / FEWEST_LOOKS, end - elapsed())));
    const last = elapsed() >= end;
    const { faults, unready } = await bounds.ask(() => watch(elapsed(), last));
    if (faults.length + unready.length > 0) throw failed(subject, [...faults, ...unready]);
    const { verdict, lines } = await looks.judge(elapsed(), last);
    if (verdict === 'fail') throw failed(subject, lines);
    if (!last) continue;
    if (verdict === 'pass') return undefined;
    // To be asked, or told why, is better than to meet the deadline in the middle of the second time.
    if (extended || bounds.remaining() <= duration) return undecided(hands, subject, lines, looks.analyse);
    extended = true;
    for (const line of lines) hands.emit({ type: 'note', text: `inconclusive, the soak goes on for as long again: ${line}` });
    tell();
  }
}

class Looks {
  private failures = 0;
  private readonly probings: readonly (readonly [ReleaseId, Probing])[];

  constructor(private readonly hands: Hands, private readonly subject: Subject, readonly analyse: Analysis | undefined) {
    const { platform, probing } = hands;
    const probes = analyse?.probes ?? [];
    this.probings = subject.arriving.map((release) => [
      release, new Probing(probes.map((probe) => ({ probe, asker: askerOf(probe, probing, () => platform.address(release)) }))),
    ]);
  }

  stop(): void {
    for (const [, probing] of this.probings) probing.stop();
  }

  async judge(window: Ms, last: boolean): Promise<Judgement> {
    const asked = this.probings.map(([release, probing]) => named(release, probing.judge()));
    const counted = await this.judgeCounts(window);
    this.failures = counted.verdict === 'fail' ? this.failures + 1 : 0;
    // One look is not enough; answers of probes have their own number of them.
    const steady: Judgement = last || counted.verdict !== 'fail' || this.failures >= BAD_LOOKS ? counted : { ...counted, verdict: 'inconclusive' };
    return gravest([...asked, steady]);
  }

  private async judgeCounts(window: Ms): Promise<Judgement> {
    const { subject: { arriving, stable, baseline }, analyse } = this;
    if (analyse === undefined || analyse.rules.length === 0) return { verdict: 'pass', lines: [] };
    const references = { stable: stable === undefined ? undefined : await this.counted(stable, window), baseline };
    return gravest(await Promise.all(arriving.map(async (release) => named(release, judge(analyse, await this.counted(release, window), references)))));
  }

  private counted(release: ReleaseId, window: Ms): Promise<Metrics> {
    const { platform, bounds } = this.hands;
    return bounds.ask(async () => await platform.metrics?.(release, window) ?? NO_METRICS);
  }
}

function named(release: ReleaseId, { verdict, lines }: Judgement): Judgement {
  return { verdict, lines: lines.map((line) => `${release}: ${line}`) };
}

/** What happened to instances: those that are not ready may get ready again. */
export interface Seen {
  readonly faults: readonly string[];
  readonly unready: readonly string[];
}

/**
 * Remembers how often instances have ended so far. The function it gives says what has happened to them since: one line for each fault.
 * `last`: everything has to be ready by now.
 */
export async function watchOver(platform: Pick<Platform, 'list' | 'metrics'>, releases: readonly ReleaseId[]): Promise<(window: Ms, last: boolean) => Promise<Seen>> {
  const before = await platform.list();
  return async (window, last) => {
    const now = await platform.list();
    const seen = await Promise.all(releases.map(async (id): Promise<Seen> => {
      const ended = (now[id]?.crashes ?? 0) - (before[id]?.crashes ?? 0);
      const counts = Object.entries(now[id]?.processes ?? {});
      const dead = counts.filter(([, { running, ready }]) => running > 0 && (ready === 0 || (last && ready < running)));
      const ejected = (await platform.metrics?.(id, window))?.ejected ?? 0;
      return {
        faults: [
          ...(ended > 0 ? [`${id}: its instances ended by themselves, ${ended} ${ended === 1 ? 'time' : 'times'} in ${formatDuration(window)}`] : []),
          ...(ejected > 0 ? [`${id}: none of its instances took a connection, ${ejected} requests went to another release`] : []),
        ],
        unready: ended > 0 ? [] : dead.map(([name, { running, ready }]) => `${id}: ${running - ready} of ${running} ${name} instances are not ready`),
      };
    }));
    return { faults: seen.flatMap(({ faults }) => faults), unready: seen.flatMap(({ unready }) => unready) };
  };
}

function undecided({ emit }: Hands, { arriving }: Subject, lines: readonly string[], rules: Analysis | undefined): Asked {
  if (rules?.inconclusive === 'ask') return { gate: `too little is known, go on? ${lines.join('; ')}`, expires: ASK_EXPIRES };
  emit({ type: 'note', text: `too little is known: ${lines.join('; ')}` });
  throw new DeployError('ND-GATE-INCONCLUSIVE', {
    what: `too little is known of release ${arriving.join(', ')} to go on`, problems: lines,
    next: 'send it more traffic, soak for longer, or say "analyse": { "inconclusive": "ask" } in deploy.json to be asked',
  });
}

function failed({ arriving }: Subject, problems: readonly string[]): DeployError {
  return new DeployError('ND-GATE-FAILED', { what: `release ${arriving.join(', ')} did not pass its soak`, problems, next: 'look at its logs; deploy again when it is fixed' });
}
