import type { ProbeMeans } from '../analysis/index.js';
import { DeployError } from '../errors.js';
import type { Emit, Ms, Observed, ReleaseId } from '../model/index.js';
import type { Platform } from '../platforms/platform.js';
import type { Bounds } from './bounds.js';
import type { ApplyRequest, Effect } from './request.js';

const FALLBACK_READY_TIMEOUT: Ms = 60_000;
const DEFAULT_GRACE: Ms = 5_000;
const NO_MEANS: ProbeMeans = { variables: {}, cwd: '/' };

/** The only way in which the walker touches a platform: journalled, bounded, reported. */
export interface Hands {
  readonly platform: Platform;
  readonly bounds: Bounds;
  readonly emit: Emit;
  readonly releases: ApplyRequest['releases'];
  readonly probing: ProbeMeans;
  /** ms for this release's instances to become ready. */
  readonly readyTimeout: (id: ReleaseId) => Ms;
  readonly observe: () => Promise<Observed>;
  /** Records the effect, then does it. */
  readonly perform: (effect: Effect, call: () => Promise<void>) => Promise<void>;
  /** Records a wait that changes nothing, so that `status` can tell what a deploy waits for. */
  readonly record: (effect: Effect) => Promise<void>;
}

export function hands(request: ApplyRequest, bounds: Bounds, committed: () => boolean): Hands {
  const { platform, releases, deadlines } = request;
  const emit = unfailing(request.emit);
  const record = (effect: Effect) => bounds.change(() => request.journal(effect, committed()));
  return {
    platform,
    bounds,
    emit,
    releases,
    probing: request.probing ?? NO_MEANS,
    record,
    readyTimeout(id) {
      const release = releases.get(id);
      return release === undefined ? FALLBACK_READY_TIMEOUT : deadlines.readyTimeout(release);
    },
    async observe() {
      const observed = await bounds.ask(() => platform.list());
      emit({ type: 'fleet', observed });
      return observed;
    },
    async perform(effect, call) {
      await record(effect);
      await bounds.change(call);
    },
  };
}

/** The same, for a restore: what ran before matters more than the record of bringing it back, so a full disk keeps no effect from happening. */
export function restoringHands(request: ApplyRequest, bounds: Bounds, committed: () => boolean): Hands {
  const emit = unfailing(request.emit);
  let told = false;
  return hands({
    ...request,
    async journal(effect, past) {
      try {
        await request.journal(effect, past);
      } catch (thrown) {
        if (!(thrown instanceof DeployError) || thrown.code !== 'ND-DISK-FULL') throw thrown;
        if (!told) emit({ type: 'note', text: `going on without a record, for it cannot be written: ${thrown.message}` });
        told = true;
      }
    },
  }, bounds, committed);
}

export function graceOf(request: ApplyRequest): Ms {
  return request.deadlines.grace ?? DEFAULT_GRACE;
}

/** Whoever listens to a deploy may be gone; the deploy goes on. */
export function unfailing(emit: Emit): Emit {
  return (event) => {
    try {
      emit(event);
    } catch {
      // A listener's failure is not the deploy's.
    }
  };
}
