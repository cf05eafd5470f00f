/** The local platform for the fault suites. */
import type { FaultSubject, Foreign } from '../contract/faults/harness.js';
import { LocalPlace } from './place.spec-support.js';

const RealDate = Date;

/** The clock of this process, which the agent in it shares. Whoever asks for a given time gets that. */
function shiftClock(ms: number): void {
  globalThis.Date = ms === 0 ? RealDate : class extends RealDate {
    constructor(...given: readonly unknown[]) {
      if (given.length === 0) super(RealDate.now() + ms);
      else super(...(given as [number]));
    }

    static override now(): number {
      return RealDate.now() + ms;
    }
  } as DateConstructor;
}

const unavailable = (what: string) => (): never => {
  throw new Error(`${what} is not part of this file's harness`);
};

export interface Means {
  readonly slowDisk: FaultSubject['slowDisk'];
  readonly snatchPort: () => { readonly taken: Promise<Foreign>; release(): void };
}

/** What needs a mocked module comes from the spec, in which alone a module can be mocked. */
export function localSubject(means: Partial<Means> = {}): FaultSubject {
  return {
    name: 'local',
    open: (options) => LocalPlace.open(options),
    shiftClock,
    slowDisk: means.slowDisk ?? unavailable('a slow disk'),
    snatchPort: means.snatchPort ?? unavailable('a port that is snatched'),
  };
}
