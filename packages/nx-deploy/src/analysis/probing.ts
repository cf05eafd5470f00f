/** Asks something again and again, and keeps in mind what came of it. */
import type { Ms, Probe } from '../model/index.js';
import { together, type Finding, type Judgement } from './judge.js';
import { pause } from './pause.js';

/**
 * good and bad speak of the release. unknown: there was an answer that says nothing (no data, no number). error: whoever knows could not be asked, which
 * says nothing of the release either.
 */
export interface Answer {
  readonly kind: 'good' | 'bad' | 'unknown' | 'error';
  /** For people; set whenever it is not good. */
  readonly reason?: string;
}

/** Every kind of question is one of these. It takes no longer than the probe's timeout, and ends soon after `signal` says so. */
export interface Asker {
  ask(signal: AbortSignal): Promise<Answer>;
}

export interface Asking {
  readonly probe: Probe;
  readonly asker: Asker;
}

/** Counts without anything else in between, up to the last answer. */
interface Tally {
  /** Since the last good one. */
  bad: number;
  error: number;
  whyBad: string;
  last: Answer | undefined;
}

/** An asker that does not keep its time is left alone after so much more of it. */
const GRACE: Ms = 1_000;

export class Probing {
  private readonly stopped = new AbortController();
  private readonly all: readonly { readonly probe: Probe; readonly tally: Tally }[];

  /** Begins at once. */
  constructor(probes: readonly Asking[]) {
    this.all = probes.map(({ probe, asker }) => {
      const tally: Tally = { bad: 0, error: 0, whyBad: '', last: undefined };
      void this.repeat(probe, asker, tally);
      return { probe, tally };
    });
  }

  /** What is known by now. Only a good last answer passes. */
  judge(): Judgement {
    return together(this.all.map(({ probe, tally }) => finding(probe, tally)));
  }

  stop(): void {
    this.stopped.abort();
  }

  private async repeat(probe: Probe, asker: Asker, tally: Tally): Promise<void> {
    const { signal } = this.stopped;
    while (!signal.aborted) {
      const started = performance.now();
      const answer = await once(probe, asker, signal);
      if (signal.aborted) return;
      count(tally, answer);
      await pause(probe.interval - (performance.now() - started), signal);
    }
  }
}

function once({ timeout }: Probe, asker: Asker, stopped: AbortSignal): Promise<Answer> {
  const over = new AbortController();
  return new Promise((resolve) => {
    const finish = (answer: Answer): void => {
      clearTimeout(timer);
      stopped.removeEventListener('abort', stop);
      resolve(answer);
    };
    const end = (reason: string): void => {
      over.abort();
      finish({ kind: 'error', reason });
    };
    const stop = (): void => end('it was stopped');
    const timer = setTimeout(() => end(`no answer within ${timeout}ms`), timeout + GRACE);
    stopped.addEventListener('abort', stop, { once: true });
    asker.ask(over.signal).then(finish, (thrown: unknown) => finish({ kind: 'error', reason: thrown instanceof Error ? thrown.message : String(thrown) }));
  });
}

function count(tally: Tally, answer: Answer): void {
  const { kind, reason = 'bad' } = answer;
  tally.last = answer;
  tally.error = kind === 'error' ? tally.error + 1 : 0;
  if (kind === 'good') tally.bad = 0;
  if (kind !== 'bad') return;
  tally.bad += 1;
  tally.whyBad = reason;
}

function finding({ name, failures, errors }: Probe, { bad, error, whyBad, last }: Tally): Finding {
  if (bad >= failures) return { verdict: 'fail', line: `${name}: ${whyBad} (${bad} bad ${bad === 1 ? 'answer' : 'answers'} since the last good one)` };
  if (last === undefined) return { verdict: 'inconclusive', line: `${name}: not asked yet` };
  if (last.kind === 'good') return { verdict: 'pass', line: name };
  const often = error >= errors ? ` (could not be asked ${error} times in a row)` : '';
  return { verdict: 'inconclusive', line: `${name}: ${last.reason ?? 'nothing is known'}${often}` };
}
