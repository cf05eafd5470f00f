/** What crosses the agent's socket: HTTP/1.1 with JSON bodies over a unix socket that only its owner may open (mode 0600). */
import type { SerializedError } from '../errors.js';
import type { ChangeRequest, ChangeResult } from '../engine/request.js';
import type { TaskRequest, TaskResult } from '../engine/task.js';
import type { Ability, DeployEvent, LogLine, Ms, Observed, ReleaseId } from '../model/index.js';
import type { InstanceStatus } from '../platforms/platform.js';
import type { Steering } from '../platforms/local/record.js';
import type { ConfigValues, LedgerDecision, LedgerVerdict, LockHolder, ServiceKey } from '../releases/index.js';
import type { ClosureAnswer, ClosureRequest, ClosureStatus } from './closures.js';

/** Grows when an older command could no longer talk to the agent. */
export const PROTOCOL = 1;

export interface Hello {
  readonly protocol: number;
  readonly version: string;
  readonly pid: number;
  readonly startedAt: string;
  readonly home: string;
  readonly log: string;
  /** Name of the agent's own copy of its code, which is made of its content; absent where it runs from no such copy. */
  readonly code?: string;
}

/** Which service a request is about. `owner` is checked against the owner that first deployed it. */
export interface ServiceTarget {
  readonly key: ServiceKey;
  readonly owner: string;
}

export interface WantedListen {
  readonly address: string;
  readonly port?: number;
  readonly host?: string;
}

export interface RunRequest extends ServiceTarget {
  readonly request: ChangeRequest;
  /** Left out for a rollback that keeps the address in force. */
  readonly listen?: WantedListen;
  /** Path of the Node that runs instances. */
  readonly node: string;
}

/** One line of the answer to a run. */
export type RunMessage<Result = ChangeResult> =
  | { readonly type: 'event'; readonly at: string; readonly event: DeployEvent }
  | { readonly type: 'result'; readonly at: string; readonly result: Result };

/** What any run can come to. */
export type RunResult = ChangeResult | TaskResult;

export interface TaskStreamRequest extends ServiceTarget {
  readonly request: TaskRequest;
  /** Of deploy.json; used only when no record of the address is left. */
  readonly listen: WantedListen;
  readonly node: string;
}

export interface UnlockRequest extends ServiceTarget {
  /** Name of the unlocking itself. */
  readonly run: string;
  /** How long the run that holds the lock has to restore what ran before. */
  readonly wait: Ms;
}

/** A walker that is no part of the agent opens a session. Its lock is held for as long as the stream is open. */
export interface SessionRequest extends ServiceTarget {
  readonly action: ChangeRequest['change']['action'];
  readonly dryRun: boolean;
  readonly listen?: WantedListen;
  /** Left out where what is in force stays. */
  readonly steering?: Steering;
  readonly node: string;
}

/** opened: the first line. cancel: somebody asked the agent to have the run taken back. */
export type SessionMessage =
  | { readonly type: 'opened'; readonly session: string; readonly name: string; readonly can: readonly Ability[] }
  | { readonly type: 'cancel' };

/** One verb of platforms/local/calls.ts. */
export interface PlatformCall {
  readonly session: string;
  readonly verb: string;
  readonly args: readonly unknown[];
}

export interface ReleaseStatus {
  readonly id: ReleaseId;
  readonly at: string;
  readonly action: string;
  readonly outcome: string;
  readonly by: string;
  readonly version?: string;
  readonly commit?: string;
  /** It can be rolled back to. */
  readonly available: boolean;
  /** Why it failed; else why it was made, where nobody asked for it. */
  readonly reason?: string;
  /** Where a person was asked: the question and its answer, oldest first. */
  readonly decisions?: readonly DecisionStatus[];
}

export interface DecisionStatus {
  readonly kind: LedgerDecision['kind'];
  readonly at: string;
  readonly by: string;
  /** What was asked. */
  readonly gate: string;
  readonly note?: string;
}

/** A change that waits for a person. Times are ISO 8601 in UTC. */
export interface PausedStatus {
  /** Names this question and no other; `approve` and `reject` take it as `gate`. */
  readonly id: string;
  readonly run: string;
  readonly action: string;
  /** The release that it brings. */
  readonly release?: ReleaseId;
  readonly by: string;
  readonly gate: string;
  readonly since: string;
  /** Without an answer it is taken back then. */
  readonly expires: string;
}

export interface ServiceStatus {
  readonly service: string;
  readonly environment: string;
  readonly platform: string;
  readonly deployed: boolean;
  readonly url?: string;
  readonly live?: ReleaseId;
  readonly fleet: Observed;
  readonly instances: readonly InstanceStatus[];
  /** What else is to be known, a line each: that the router does not run, say. */
  readonly notes?: readonly string[];
  readonly traffic: Readonly<Record<ReleaseId, { readonly requests: number; readonly errors: number; readonly p95: number }>>;
  /** Newest first. */
  readonly releases: readonly ReleaseStatus[];
  /** A change that ended without finishing its record. */
  readonly interrupted?: { readonly run: string; readonly action: string; readonly since: string; readonly at: string };
  /** A change that waits for an answer: `approve` or `reject`. */
  readonly paused?: PausedStatus;
  readonly lock?: LockHolder;
  /** The agent looks after this release until then, and takes it back when it does badly; without what was lost with the agent that began it. */
  readonly watch?: { readonly release: ReleaseId; readonly until: string; readonly without?: readonly string[] };
  /** The public gets a page, or waits. */
  readonly closed?: ClosureStatus;
  /** Set when nothing was deployed since. */
  readonly destroyed?: { readonly at: string; readonly by: string };
  readonly ledger: LedgerVerdict;
}

export interface LogsRequest extends ServiceTarget {
  readonly release?: ReleaseId;
  readonly instance?: string;
  readonly since?: string;
  readonly follow: boolean;
}

export interface ServiceSummary {
  readonly key: ServiceKey;
  readonly url?: string;
  readonly instances: number;
}

/** What the release with the traffic runs with; nothing where none has. */
export interface RunningConfiguration {
  readonly running?: ConfigValues & { readonly release: ReleaseId };
}

/** Path of each call and what goes in and out. Streams answer with one JSON object a line. */
export interface Calls {
  readonly hello: { readonly in: Record<string, never>; readonly out: Hello };
  readonly services: { readonly in: Record<string, never>; readonly out: readonly ServiceSummary[] };
  readonly status: { readonly in: ServiceTarget; readonly out: ServiceStatus };
  readonly configuration: { readonly in: ServiceTarget; readonly out: RunningConfiguration };
  /** Closes a service to its public, or opens it again. */
  readonly closure: { readonly in: ClosureRequest; readonly out: ClosureAnswer };
  readonly cancel: { readonly in: { readonly run: string }; readonly out: { readonly cancelled: boolean } };
  /** `value` is absent where the verb gives undefined. */
  readonly platform: { readonly in: PlatformCall; readonly out: { readonly value?: unknown } };
  /**
   * Another copy of the agent's code takes over from the process `from`, run by the Node of this path. busy: a change is under way, of what `why`
   * names. taken: `pid` is in charge, also when somebody else has asked for that before.
   */
  readonly takeover: {
    readonly in: { readonly from: number; readonly code: string; readonly node: string };
    readonly out: { readonly outcome: 'taken'; readonly pid: number } | { readonly outcome: 'busy' | 'failed'; readonly why: string };
  };
  /** `instances`: also end all that runs. */
  readonly stop: { readonly in: { readonly instances: boolean }; readonly out: { readonly stopped: number } };
}

export interface Streams {
  readonly run: { readonly in: RunRequest; readonly out: RunMessage };
  readonly logs: { readonly in: LogsRequest; readonly out: LogLine };
  readonly task: { readonly in: TaskStreamRequest; readonly out: RunMessage<TaskResult> };
  readonly unlock: { readonly in: UnlockRequest; readonly out: RunMessage<TaskResult> };
  /** What the run under way says; empty when there is none. */
  readonly watch: { readonly in: ServiceTarget; readonly out: RunMessage<RunResult> };
  readonly session: { readonly in: SessionRequest; readonly out: SessionMessage };
}

export interface Failure {
  readonly error: SerializedError;
}
