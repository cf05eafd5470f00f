/** Whether a release is passed over because none of its instances takes a connection, and who may look whether one does again. */
import { performance } from 'node:perf_hooks';
import type { Ms } from '../../model/index.js';

/** A release that took no connection is passed over this long before one request tries it again. */
export const EJECTED: Ms = 1_000;

export class Ejection {
  private until = 0;
  private readmitted = -Infinity;
  private probed = false;

  constructor(private readonly now: () => Ms = () => performance.now()) {}

  /** Is the release passed over? */
  get active(): boolean {
    return this.until !== 0;
  }

  /** No instance took a connection. `since` is when that was first tried: what began before the release came back says nothing of it. */
  begin(since: Ms): void {
    if (since < this.readmitted) return;
    this.until = this.now() + EJECTED;
    this.probed = false;
  }

  /** May this request try the release? At most one at a time; it ends with `begin`, `end` or `abandon`. */
  probe(): boolean {
    if (this.probed || this.now() < this.until) return false;
    this.probed = true;
    return true;
  }

  /** An instance took a connection. */
  end(): void {
    if (!this.active) return;
    this.until = 0;
    this.probed = false;
    this.readmitted = this.now();
  }

  /** The probe ended without a verdict: the next request may probe. */
  abandon(): void {
    this.probed = false;
  }
}
