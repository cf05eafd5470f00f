/** What a target has in hand: counted from the moment it is chosen, so that a drain cannot overtake a request. */
import { performance } from 'node:perf_hooks';
import type { Ms, ReleaseId } from '../../model/index.js';
import type { Target } from '../router.js';
import { keptConnections, type UpstreamAgent } from './upstream.js';

/** setTimeout takes a longer one for 1 ms. */
export const LONGEST_TIMER: Ms = 2 ** 31 - 1;

/** A request, stream or tunnel that can be ended from outside. */
export interface Cuttable {
  cut(): void;
}

/** A target that refused a connection is passed over this long while others are there. */
const AVOID: Ms = 1_000;

export class TargetState {
  readonly id: string;
  readonly release: ReleaseId;
  host: string;
  port: number;
  readonly kept: UpstreamAgent = keptConnections();
  private readonly held = new Set<Cuttable>();
  private readonly waiting = new Set<() => void>();
  private avoidUntil = 0;

  constructor(target: Target) {
    this.id = target.id;
    this.release = target.release;
    this.host = target.host;
    this.port = target.port;
  }

  get inFlight(): number {
    return this.held.size;
  }

  claim(work: Cuttable): void {
    this.held.add(work);
  }

  /** Does nothing when the work was not held. */
  finish(work: Cuttable): void {
    if (!this.held.delete(work) || this.held.size > 0) return;
    for (const wake of [...this.waiting]) wake();
  }

  refused(): void {
    this.avoidUntil = performance.now() + AVOID;
  }

  get avoided(): boolean {
    return this.avoidUntil !== 0 && performance.now() < this.avoidUntil;
  }

  moveTo(target: Target): void {
    if (target.host !== this.host || target.port !== this.port) {
      this.kept.retire();
      this.host = target.host;
      this.port = target.port;
      this.avoidUntil = 0;
    }
    this.kept.revive();
  }

  cut(): void {
    for (const work of [...this.held]) work.cut();
  }

  /** Calls back once, when nothing is in flight any more. The returned function takes the call back. */
  onIdle(callback: () => void): () => void {
    const wake = (): void => {
      this.waiting.delete(wake);
      callback();
    };
    if (this.inFlight === 0) wake();
    else this.waiting.add(wake);
    return () => this.waiting.delete(wake);
  }
}
