/** What a command asks of the engine, and what it gets back. Both cross the agent's socket as JSON. */
import type { StrategyOptions } from '../config/resolved.js';
import type { ProbeMeans } from '../analysis/index.js';
import type { SerializedError } from '../errors.js';
import type { PreparedHook } from '../hooks/run-hooks.js';
import type { ArtifactRef, ManifestRef, Metrics, Ms, Processes, ReleaseId, RunSpec, StageName, WatchTerms } from '../model/index.js';
import type { PreparedChannel } from '../notifications/index.js';
import type { Action, Actor, ConfigValues } from '../releases/index.js';

/** The parts of a release before it has a name: its configuration is still open. */
export interface Deployable {
  readonly artifact: ArtifactRef;
  readonly config: ConfigValues;
  readonly spec: RunSpec;
  readonly nonce?: string;
  readonly manifest?: ManifestRef;
}

export type Change =
  | { readonly action: 'deploy'; readonly deployable: Deployable; readonly processes: Processes }
  | { readonly action: 'rollback'; readonly to?: ReleaseId };

/** Goes on with what was interrupted, which may have been a rollback. */
export interface Resume {
  readonly action: 'resume';
  readonly rollbackHooks: Hooks;
}

/** The answer to a change that waits for one. It runs the hooks of a deploy when it goes on. */
export interface Decision {
  readonly action: 'approve' | 'reject';
  /** Goes into the ledger. */
  readonly note?: string;
  /** The run that is answered; without it whichever waits. */
  readonly run?: string;
  /** The question that is answered, as its id or its text; without it whichever waits. */
  readonly gate?: string;
}

/** Before and after the walk. */
export interface Hooks {
  readonly before: readonly PreparedHook[];
  readonly after: readonly PreparedHook[];
}

export interface WatchOrder {
  /** 0: not at all. */
  readonly ms: Ms;
  /** Absent: what is looked for where nobody has said anything else. */
  readonly terms?: WatchTerms;
  /** The command waits for the end of the watch and its result tells what came of it. Otherwise the watch goes on by itself. */
  readonly attached: boolean;
  readonly rollbackHooks: Hooks;
}

export interface ChangeRequest {
  /** Names this run in the ledger, the log and the lock. */
  readonly run: string;
  readonly actor: Actor;
  readonly service: string;
  readonly environment: string;
  readonly change: Change | Resume | Decision;
  readonly strategy: StrategyOptions;
  readonly hooks: Hooks;
  /** Of the whole change. */
  readonly deadline: Ms;
  /** Successful releases that stay stored. */
  readonly keep: number;
  readonly dryRun: boolean;
  /** Who is told of it. Holds secrets, and stands in no record. */
  readonly notify?: readonly PreparedChannel[];
  /** What the probes of its gates and of its watch need. */
  readonly probing?: ProbeMeans;
  /** How long the release is looked after when the deploy is done, and what a rollback runs then. */
  readonly watch?: WatchOrder;
  /** Why this change is made, where nobody asked for it. */
  readonly reason?: string;
}

/** Exit codes of the bin follow from it: 0 done, unchanged, planned; 1 restored; 2 not-restored; 3 refused; 4 paused. */
export type Outcome = 'done' | 'unchanged' | 'planned' | 'restored' | 'not-restored' | 'refused' | 'paused';

export interface KeyChanges {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly changed: readonly string[];
}

export interface Question {
  /** Names this question and no other; absent where the record of it could not be read. */
  readonly id?: string;
  /** The run that asks: that of the deploy, also when an answer to it came to the next question. */
  readonly run: string;
  readonly gate: string;
  readonly expires: Ms;
}

export interface ChangeResult {
  readonly outcome: Outcome;
  readonly run: string;
  readonly action: Action;
  readonly service: string;
  readonly environment: string;
  readonly release?: ReleaseId;
  readonly previous?: ReleaseId;
  readonly url?: string;
  readonly durationMs: Ms;
  readonly stages: Readonly<Partial<Record<StageName, Ms>>>;
  /** What the router counted while the change went on. */
  readonly traffic?: Pick<Metrics, 'requests' | 'errors'>;
  readonly configuration?: KeyChanges;
  /** Bytes of the artifact, now and before. */
  readonly size?: { readonly bytes: number; readonly before?: number };
  readonly manifest?: { readonly now?: ManifestRef; readonly before?: ManifestRef };
  /** The plan as text, for a dry run. */
  readonly plan?: string;
  readonly error?: SerializedError;
  readonly restoreError?: SerializedError;
  /** What a person is asked, and how long the answer is waited for. */
  readonly paused?: Question;
  /** What an answer, or that there was none, came to. */
  readonly decision?: 'approved' | 'rejected' | 'expired';
  /** Hash of the newest ledger entry; a log that keeps it shows a truncation. */
  readonly ledgerHead?: string;
}
