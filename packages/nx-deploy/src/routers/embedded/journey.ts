import { performance } from 'node:perf_hooks';
import type { Cuttable, TargetState } from './in-flight.js';
import type { Sample } from './metrics.js';
import type { Service } from './service.js';

/**
 * One request's way to an answer: holds the claim on the target it is at, goes on to another when a connection is refused, and is
 * counted once per release. A release counts an error when none of its targets took the request.
 */
export class Journey {
  private readonly started = performance.now();
  private tried: Set<TargetState> | undefined;
  private target: TargetState | undefined;
  private sample: Sample | undefined;

  constructor(private readonly service: Service, private readonly work: Cuttable) {}

  /** Claims the first target; undefined when there is none. */
  begin(): TargetState | undefined {
    return this.goTo(this.service.balance.pick());
  }

  /** Gives up the target that refused and claims another; undefined when all were tried. */
  refused(): TargetState | undefined {
    const before = this.target;
    if (before === undefined) return undefined;
    before.refused();
    this.tried = (this.tried ?? new Set()).add(before);
    const next = this.service.balance.instead(before.release, this.tried);
    if (next === undefined) return undefined;
    if (next.release !== before.release) this.service.metrics.of(before.release).count(true);
    return this.goTo(next);
  }

  /** The headers of the answer are here. */
  answered(status: number): void {
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
    this.target?.finish(this.work);
  }

  private goTo(target: TargetState | undefined): TargetState | undefined {
    this.finish();
    this.target = target;
    target?.claim(this.work);
    return target;
  }

  private count(error: boolean, latency?: number): Sample | undefined {
    return this.target && this.service.metrics.of(this.target.release).count(error, latency);
  }
}
