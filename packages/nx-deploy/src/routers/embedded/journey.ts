import { performance } from 'node:perf_hooks';
import type { ReleaseId } from '../../model/index.js';
import type { Chooser, Wish } from './balance.js';
import type { Ejection } from './ejection.js';
import type { Cuttable, TargetState } from './in-flight.js';
import type { Sample } from './metrics.js';
import type { Service } from './service.js';

/**
 * One request's way to an answer: holds the claim on the target it is at, goes on to another when a connection is refused, and is
 * counted once per release that it was for. A release counts an error when none of its targets took the request.
 */
export class Journey implements Chooser {
  private readonly started = performance.now();
  private tried: Set<TargetState> | undefined;
  private target: TargetState | undefined;
  private sample: Sample | undefined;
  /** Of the release at hand, when it is ejected: it hears whether a connection came to be. */
  private trial: Ejection | undefined;

  constructor(private readonly service: Service, private readonly work: Cuttable, private readonly wish?: Wish) {}

  /** Claims the first target; undefined when there is none. */
  begin(): TargetState | undefined {
    return this.goTo(this.service.balance.pick(this, this.wish));
  }

  /** Gives up the target that refused and claims another; undefined when all were tried. */
  refused(): TargetState | undefined {
    const before = this.target;
    if (before === undefined) return undefined;
    before.refused();
    this.tried = (this.tried ?? new Set()).add(before);
    const { balance } = this.service;
    const trial = this.trial;
    const next = balance.instead(before.release, this.tried, this, this.wish);
    if (next?.release === before.release) return this.goTo(next);
    balance.eject(before.release, this.started);
    trial?.abandon();
    if (this.trial === trial) this.trial = undefined;
    if (next === undefined) return undefined;
    this.passedOver(before.release);
    return this.goTo(next);
  }

  passedOver(release: ReleaseId): void {
    this.service.metrics.of(release).eject();
  }

  tries(ejection: Ejection): void {
    this.trial = ejection;
  }

  /** Does it matter whether a connection comes to be? */
  get trying(): boolean {
    return this.trial !== undefined;
  }

  /** The target at hand took the connection. */
  connected(): void {
    this.trial?.end();
    this.trial = undefined;
  }

  /** The headers of the answer are here. */
  answered(status: number): void {
    if (this.trial !== undefined) this.connected();
    this.sample = this.count(status >= 500, performance.now() - this.started);
  }

  /** No answer came, or it broke off. */
  failed(): void {
    if (this.sample === undefined) this.sample = this.count(true);
    else this.sample.fail();
  }

  /** The client went before there was an answer: a request, but no error of the release. */
  left(): void {
    this.sample ??= this.count(false);
  }

  /** Nothing is in flight any more. */
  finish(): void {
    this.trial?.abandon();
    this.trial = undefined;
    this.target?.finish(this.work);
  }

  private goTo(target: TargetState | undefined): TargetState | undefined {
    this.target?.finish(this.work);
    this.target = target;
    target?.claim(this.work);
    return target;
  }

  private count(error: boolean, latency?: number): Sample | undefined {
    return this.target && this.service.metrics.of(this.target.release).count(error, latency);
  }
}
