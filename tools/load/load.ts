import { randomBytes } from 'node:crypto';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { DEFAULT_MIX, turns } from './mix.js';
import { Pace } from './pace.js';
import type { Kind, LoadOptions, LoadReport } from './report.js';
import { events } from './requests/events.js';
import { post } from './requests/post.js';
import { quick } from './requests/quick.js';
import { slow } from './requests/slow.js';
import { socket } from './requests/socket.js';
import { Shot } from './shot.js';
import { Tally } from './tally.js';
import { Wire } from './wire.js';

const LAG_RESOLUTION_MS = 5;
/** The closing handshake and the way there and back. */
const SOCKET_SLACK_MS = 1000;

/** Sends a mix of requests at a fixed rate from this process until `stop()`. */
export class Load {
  readonly #run = randomBytes(4).toString('hex');
  readonly #rate: number;
  readonly #wire: Wire;
  readonly #open = new Map<Shot, Promise<void>>();
  readonly #lag = monitorEventLoopDelay({ resolution: LAG_RESOLUTION_MS });
  readonly #pace: Pace;
  readonly #tally: Tally;
  readonly #requests: Readonly<Record<Kind, { natural: number; send: (shot: Shot, turn: number) => Promise<void> }>>;
  readonly #duration: NodeJS.Timeout | undefined;
  #end: number | undefined;
  #number = 0;
  #report: Promise<LoadReport> | undefined;

  /** @throws Error when the rate or the mix makes no load */
  constructor(private readonly options: LoadOptions) {
    const { rate = 200, url, service, host, durationMs, slowMs = 2000 } = options;
    if (!(rate > 0 && rate <= 10_000)) throw new Error(`the rate must be above 0 and at most 10000 requests/s, got ${rate}`);
    const stream = options.events ?? { count: 10, interval: 200 };
    const talk = options.messages ?? { count: 10, interval: 100 };
    const wire = new Wire({ url, service, host });
    this.#rate = rate;
    this.#wire = wire;
    const kinds = turns(options.mix ?? DEFAULT_MIX);
    this.#requests = {
      get: { natural: 0, send: (shot) => quick(shot, wire, true) },
      fresh: { natural: 0, send: (shot) => quick(shot, wire, false) },
      post: { natural: 0, send: (shot, turn) => post(shot, wire, turn) },
      slow: { natural: slowMs, send: (shot) => slow(shot, wire, slowMs) },
      events: { natural: stream.count * stream.interval, send: (shot) => events(shot, wire, stream) },
      socket: { natural: talk.count * talk.interval + SOCKET_SLACK_MS, send: (shot) => socket(shot, wire, talk) },
    };
    this.#lag.enable();
    this.#tally = new Tally(performance.now());
    this.#pace = new Pace(rate, (due) => this.#fire(kinds.next().value, due));
    if (durationMs !== undefined) this.#duration = setTimeout(() => this.#halt(), durationMs);
  }

  /** Sends no more, lets what is in flight finish and reports. A second call gives the same report. */
  stop(): Promise<LoadReport> {
    this.#report ??= this.#finish();
    return this.#report;
  }

  #fire(kind: Kind, due: number): void {
    const turn = this.#tally.sent(kind);
    this.#number += 1;
    const { natural, send } = this.#requests[kind];
    const shot = new Shot(kind, `${this.#run}-${this.#number}`, due, natural + (this.options.timeoutMs ?? 10_000));
    const done = send(shot, turn).then(
      () => this.#tally.ok(shot, performance.now()),
      (error: unknown) => this.#tally.failed(shot, shot.failureOf(error), performance.now()),
    );
    this.#open.set(shot, done.finally(() => {
      shot.end();
      this.#open.delete(shot);
    }));
  }

  #halt(): void {
    clearTimeout(this.#duration);
    this.#pace.stop();
    this.#end ??= performance.now();
  }

  async #finish(): Promise<LoadReport> {
    this.#halt();
    const { drainMs = 15_000, url } = this.options;
    const timeUp = new AbortController();
    const late = delay(drainMs, undefined, { signal: timeUp.signal }).catch(() => undefined);
    await Promise.race([Promise.all(this.#open.values()), late]);
    timeUp.abort();
    for (const shot of this.#open.keys()) shot.abort(`still open ${drainMs} ms after the last request was sent`);
    await Promise.all(this.#open.values());
    this.#wire.close();
    this.#lag.disable();
    // The histogram holds whole intervals: an undisturbed loop shows the resolution itself.
    const lagMs = Math.max(0, this.#lag.max / 1e6 - LAG_RESOLUTION_MS);
    return this.#tally.report(this.#end ?? performance.now(), { url, rate: this.#rate, lagMs });
  }
}
