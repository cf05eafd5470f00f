/** Until when releases are kept running without traffic, by the wall clock and by one that nobody sets. */
import type { Ms, ReleaseId } from '../../model/index.js';

interface Deadline {
  readonly until: string;
  /** On the monotonic clock of this process, ms. */
  readonly at: Ms;
}

/** What the two clocks say; a test may set them. */
export interface Clocks {
  readonly wall: () => Ms;
  readonly steady: () => Ms;
}

const CLOCKS: Clocks = { wall: () => Date.now(), steady: () => performance.now() };

/**
 * A wall clock that is set back must not keep a release for longer than it was to be kept, so that the time left is also counted by the monotonic clock,
 * for as long as this process lives. One that is set forward ends it early: nobody can tell that from a machine that slept.
 */
export class Warmth {
  private readonly deadlines = new Map<ReleaseId, Deadline>();

  constructor(private readonly clocks: Clocks = CLOCKS) {}

  /** Replaces what was said before. A release that is kept until the same time as before keeps its deadline. */
  keep(until: Readonly<Record<ReleaseId, string>>): void {
    for (const id of this.deadlines.keys()) if (until[id] === undefined) this.deadlines.delete(id);
    for (const [id, time] of Object.entries(until)) {
      if (this.deadlines.get(id)?.until === time) continue;
      this.deadlines.set(id, { until: time, at: this.clocks.steady() + instant(time) - this.clocks.wall() });
    }
  }

  /** Has its time passed, by either clock? */
  isOver(id: ReleaseId): boolean {
    const deadline = this.deadlines.get(id);
    return deadline !== undefined && (this.clocks.wall() >= instant(deadline.until) || this.clocks.steady() >= deadline.at);
  }

  /** Is the time of any release over? */
  get due(): boolean {
    return [...this.deadlines.keys()].some((id) => this.isOver(id));
  }
}

/** What is no time has passed. */
function instant(time: string): Ms {
  const at = Date.parse(time);
  return Number.isNaN(at) ? 0 : at;
}
