/** Tells whether another process has fallen silent, seen from a process that may have been stopped or starved itself. */
import type { Ms } from '../model/index.js';

/** How often the active agent and its standby tell each other that they run. */
export const BEAT: Ms = 1_000;
/** Own timers this far apart mean that this process did not run: a laptop slept, a container was paused, a processor was taken. */
const OWN_GAP: Ms = 3 * BEAT;

export class Pulse {
  private last: Ms | undefined;
  private ticked: Ms;

  constructor(now: Ms = performance.now()) {
    this.ticked = now;
  }

  /** The other has told that it runs. */
  heard(now: Ms = performance.now()): void {
    this.last = now;
  }

  /**
   * For how long the other has been silent while this process ran all along; to be asked every {@link BEAT}. 0 for as long as nothing was heard at
   * all: an agent of an earlier version does not tell.
   */
  silence(now: Ms = performance.now()): Ms {
    const slept = now - this.ticked > OWN_GAP;
    this.ticked = now;
    if (this.last === undefined) return 0;
    if (slept) this.last = now;
    return now - this.last;
  }
}
