import type { ProbeMeans } from '../analysis/index.js';
import type { DeployError } from '../errors.js';
import type { Emit, Metrics, Ms, Release, ReleaseId, Step } from '../model/index.js';
import type { Walk } from '../plan/plan.js';
import type { Platform } from '../platforms/platform.js';
import type { EffectKind } from '../releases/state-store.js';

export interface Effect {
  readonly kind: EffectKind;
  /** The same change has the same key, so that a recovery can tell what was under way. */
  readonly key: string;
}

export interface Deadlines {
  /** How long the instances of a release may take to become ready. */
  readonly readyTimeout: (release: Release) => Ms;
  /** The whole walk, gates included. */
  readonly whole: Ms;
  /** Going back, or on after the commit; default `whole`. */
  readonly restore?: Ms;
  /** How long a platform call under way may take to finish after a cancel or a deadline, before its undoing begins; default 5 s. */
  readonly grace?: Ms;
}

export interface ApplyRequest {
  readonly platform: Platform;
  readonly plan: Pick<Walk, 'steps' | 'from' | 'to'>;
  /** Records of every release in the plan; one that only leaves may be missing. */
  readonly releases: ReadonlyMap<ReleaseId, Release>;
  /**
   * Awaited before each side effect, also those of a restore; when it rejects, the effect does not happen. One exception: ND-DISK-FULL stops
   * no restore, nor the way on after the commit.
   */
  readonly journal: (effect: Effect, committed: boolean) => Promise<void>;
  readonly emit: Emit;
  /** Cancel: what was done is undone. Has no effect after the commit. */
  readonly signal: AbortSignal;
  readonly deadlines: Deadlines;
  /**
   * What has to succeed before the walk is committed (hooks), by its own step or by its end: when it rejects, everything is undone. It is called once.
   * Journals its own effects, and listens to `signal` itself.
   */
  readonly afterWalk?: () => Promise<void>;
  /** What the router counted for the release that ran before, from before the change began; undefined where nothing is known. */
  readonly baseline?: Metrics;
  /** What probes need that are asked while a release soaks. */
  readonly probing?: ProbeMeans;
  /** Monotonic, ms; default `performance.now`. */
  readonly clock?: () => Ms;
}

/** What a person is asked. Unanswered for `expires` ms it counts as refused. */
export interface Asked {
  readonly gate: string;
  readonly expires: Ms;
}

export type ApplyResult =
  | { readonly outcome: 'done' }
  /** A person is asked. The fleet stays as it is; `steps` are those that are left, the first of them without the gates that were passed. */
  | ({ readonly outcome: 'paused'; readonly steps: readonly Step[] } & Asked)
  /** `from` runs and has the traffic again. */
  | { readonly outcome: 'restored'; readonly error: DeployError }
  /** Neither fleet could be reached: `error` is why the walk ended, `restoreError` why the way back (after the commit: onward) did. */
  | { readonly outcome: 'not-restored'; readonly error: DeployError; readonly restoreError: DeployError };
