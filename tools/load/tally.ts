import type { Failure } from './failure.js';
import { KINDS, type Fault, type FirstFailure, type Kind, type KindCounts, type LoadReport } from './report.js';
import type { Shot } from './shot.js';

const FIRST_FAILURES = 10;
const isQuick = (kind: Kind): boolean => kind === 'get' || kind === 'fresh';
const rounded = (ms: number): number => Math.round(ms * 10) / 10;

/** The value that `percent` of the ascending `sorted` do not exceed (nearest rank); 0 for none. */
export function percentile(sorted: readonly number[], percent: number): number {
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? 0;
}

/** Counts what becomes of the requests. Times are of the monotonic clock. */
export class Tally {
  readonly #kinds = Object.fromEntries(
    KINDS.map((kind) => [kind, { sent: 0, ok: 0, failed: 0, cut: 0, wrong: 0, duplicated: 0, misrouted: 0 }]),
  ) as Record<Kind, Record<'sent' | 'ok' | Fault, number>>;
  readonly #releases = new Map<string, number>();
  readonly #failedBy = new Map<string, number>();
  readonly #latencies: number[] = [];
  readonly #first: FirstFailure[] = [];
  #retried = 0;
  #lastQuick: number;
  #gap = 0;

  constructor(private readonly start: number) {
    this.#lastQuick = start;
  }

  /** Returns how many of the kind have been sent, this one included. */
  sent(kind: Kind): number {
    this.#kinds[kind].sent += 1;
    return this.#kinds[kind].sent;
  }

  ok(shot: Shot, now: number): void {
    this.#kinds[shot.kind].ok += 1;
    if (shot.retried) this.#retried += 1;
    if (shot.release !== undefined) this.#releases.set(shot.release, (this.#releases.get(shot.release) ?? 0) + 1);
    if (!isQuick(shot.kind)) return;
    this.#latencies.push(now - shot.due);
    this.#gap = Math.max(this.#gap, now - this.#lastQuick);
    this.#lastQuick = now;
  }

  failed(shot: Shot, { fault, message }: Failure, now: number): void {
    this.#kinds[shot.kind][fault] += 1;
    if (shot.retried) this.#retried += 1;
    this.#failedBy.set(shot.release ?? 'none', (this.#failedBy.get(shot.release ?? 'none') ?? 0) + 1);
    if (this.#first.length >= FIRST_FAILURES) return;
    const release = shot.release === undefined ? {} : { release: shot.release };
    this.#first.push({ at: new Date().toISOString(), sinceStartMs: rounded(now - this.start), kind: shot.kind, fault, message, ...release });
  }

  /** `end`: when the last request was sent. */
  report(end: number, facts: Pick<LoadReport, 'url' | 'rate' | 'lagMs'>): LoadReport {
    const sum = (key: keyof KindCounts): number => KINDS.reduce((total, kind) => total + this.#kinds[kind][key], 0);
    const sorted = [...this.#latencies].sort((a, b) => a - b);
    const at = (percent: number): number => rounded(percentile(sorted, percent));
    const expectsQuick = KINDS.some((kind) => isQuick(kind) && this.#kinds[kind].sent > 0);
    return {
      ...facts,
      lagMs: rounded(facts.lagMs),
      durationMs: rounded(end - this.start),
      sent: sum('sent'),
      ok: sum('ok'),
      failures: sum('failed') + sum('cut') + sum('wrong') + sum('duplicated') + sum('misrouted'),
      retried: this.#retried,
      kinds: this.#kinds,
      releases: Object.fromEntries(this.#releases),
      failedBy: Object.fromEntries(this.#failedBy),
      latency: { p50: at(50), p95: at(95), p99: at(99), max: at(100) },
      longestGapMs: expectsQuick ? rounded(Math.max(this.#gap, end - this.#lastQuick)) : 0,
      firstFailures: this.#first,
    };
  }
}
