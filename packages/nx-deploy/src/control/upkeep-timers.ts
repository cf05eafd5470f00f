/** What the agent looks after by itself from time to time: releases whose time without traffic is over are ended, questions that nobody answered are taken back. */
import { expirePause } from '../engine/decide.js';
import { expireWarm } from '../engine/expire.js';
import type { DeployEvent, Ms } from '../model/index.js';
import { localPlatform } from '../platforms/local/platform.js';
import type { LocalService } from '../platforms/local/service.js';
import { agentActor, newExpiry } from './recovery.js';

export interface UpkeepOptions {
  readonly services: () => readonly LocalService[];
  readonly log: (message: string, facts?: object) => void;
  /** Told of each service from time to time; begins where a release has traffic while its change waits. */
  readonly watchQuestion?: (service: LocalService) => void;
  /** ms between two looks; 1 s. */
  readonly period?: Ms;
}

const PERIOD: Ms = 1_000;
const QUESTIONS_EVERY = 10;
/** What failed is tried again, but not each second. */
const AFTER_FAILURE: Ms = 30_000;

export class UpkeepTimers {
  private timer: NodeJS.Timeout | undefined;
  private readonly atWork = new Set<LocalService>();
  private looks = 0;
  private readonly notBefore = new WeakMap<LocalService, Ms>();

  constructor(private readonly options: UpkeepOptions) {}

  /** Looks at memory alone while nothing is due, but each tenth time for questions on record; keeps no process alive. */
  start(): void {
    this.timer ??= setInterval(() => this.look(), this.options.period ?? PERIOD).unref();
  }

  stop(): void {
    clearInterval(this.timer);
    this.timer = undefined;
  }

  private look(): void {
    const questions = this.looks % QUESTIONS_EVERY === 0;
    this.looks += 1;
    for (const service of this.options.services()) {
      if (service.forsaken || this.atWork.has(service) || performance.now() < (this.notBefore.get(service) ?? 0)) continue;
      if (service.warmth.due) this.work(service, `what is warm of ${service.routeKey} could not be ended`, () => this.expire(service));
      else if (questions) this.work(service, `the question of ${service.routeKey} could not be taken back`, () => this.expireQuestion(service));
    }
  }

  private work(service: LocalService, failure: string, work: () => Promise<void>): void {
    this.atWork.add(service);
    work().catch((error: unknown) => {
      this.notBefore.set(service, performance.now() + AFTER_FAILURE);
      this.options.log(failure, { error: error instanceof Error ? error.message : String(error) });
    }).finally(() => this.atWork.delete(service));
  }

  private async expireQuestion(service: LocalService): Promise<void> {
    const platform = localPlatform(service, service.record.listen ?? { address: '127.0.0.1' });
    const emit = (event: DeployEvent): void => this.options.log('expiry', { service: service.routeKey, event });
    if (await expirePause({ platform, actor: agentActor(), emit })) this.options.log('a question expired', { service: service.routeKey });
    else this.options.watchQuestion?.(service);
  }

  /**
   * A service that is locked is looked at again later. The lock is given back at once, and the work left to whoever gets it next to wait for: instances may
   * drain for long, and a deploy meanwhile is to wait rather than to be refused.
   */
  private async expire(service: LocalService): Promise<void> {
    const { lock } = service.state;
    if (await lock.holder() !== undefined) return;
    const lease = await lock.acquire(newExpiry());
    const work = this.endDue(service);
    service.leave([work]);
    await lease.release();
    await work;
  }

  private async endDue(service: LocalService): Promise<void> {
    // A change that was interrupted may go back to what is warm; whoever finishes it comes first.
    const left = await service.state.journal.read();
    if (left !== undefined && left.paused === undefined) return;
    const platform = localPlatform(service, service.record.listen ?? { address: '127.0.0.1' });
    const { ended, fleet } = await expireWarm({ platform, now: Date.now(), isOver: (id) => service.warmth.isOver(id) });
    if (ended.length > 0) this.options.log('warm releases ended', { service: service.routeKey, releases: ended });
    await forgetGone(service, Object.keys(fleet ?? await platform.list()));
  }
}

/** Times of releases that are gone by another way. */
async function forgetGone(service: LocalService, there: readonly string[]): Promise<void> {
  const warm = Object.entries(service.record.warm ?? {});
  const left = warm.filter(([id]) => there.includes(id));
  if (left.length < warm.length) await service.keep(Object.fromEntries(left));
}
