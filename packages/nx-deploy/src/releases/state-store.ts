/** What a target remembers of one service in one environment. Each platform keeps it beside what it describes. */
import type { Analysis, ConfigRef, Desired, ManifestRef, Metrics, Ms, Processes, Release, ReleaseId, Step, StrategyName } from '../model/index.js';
import type { SerializedError } from '../errors.js';

/** The newest layout of stored state that this version reads; state of a later one is refused (ND-STATE-NEWER). */
export const STATE_SCHEMA = 1;

export type Action = 'deploy' | 'rollback';

/** What takes the lock without leading to another release. */
export type Task = 'repair' | 'prune' | 'destroy';

/** Who asked, from where: shown to whoever meets the lock, kept in the ledger. */
export interface Actor {
  readonly user: string;
  readonly host: string;
  readonly pid: number;
}

export type EffectKind = 'stage' | 'scale' | 'ready' | 'route' | 'keep' | 'gate' | 'hook' | 'commit' | 'restore';

/** Settings of a platform that belong to no release, as JSON that only the platform reads. */
export type PlatformSettings = Readonly<Record<string, unknown>>;

/** The one record of a change under way, replaced before each side effect. */
export interface JournalRecord {
  readonly schema: typeof STATE_SCHEMA;
  readonly run: string;
  readonly action: Action | 'repair';
  readonly actor: Actor;
  readonly startedAt: string;
  /** Grows by one with each replacement. */
  readonly epoch: number;
  readonly effect: { readonly kind: EffectKind; readonly key: string };
  readonly from: Desired;
  readonly to: Desired;
  /** Whole records of every release in `from` and `to`. */
  readonly releases: Readonly<Record<ReleaseId, Release>>;
  readonly committed: boolean;
  /** As they were before the change; whoever takes it back puts them back too. */
  readonly settings?: PlatformSettings;
  /** The change waits for a person and holds no lock. */
  readonly paused?: Pause;
}

/** What a change waits for, and how it goes on. Times are ISO 8601 in UTC. */
export interface Pause {
  /** What the person is asked. */
  readonly gate: string;
  readonly since: string;
  readonly expires: string;
  /** The steps that are left once it is approved; the fleet of the first is reached and its gates up to this one are passed. */
  readonly steps: readonly Step[];
  /** Of the strategy: what a release that has traffic meanwhile must keep. */
  readonly analyse?: Analysis;
  /** What the router had counted before the change began. */
  readonly baseline?: Metrics;
}

export type LedgerOutcome = 'done' | 'restored' | 'not-restored';

interface LedgerCommon {
  readonly run: string;
  readonly action: Action;
  readonly release: ReleaseId;
  readonly at: string;
  readonly actor: Actor;
}

export interface LedgerStart extends LedgerCommon {
  readonly kind: 'start';
  readonly strategy: StrategyName;
  readonly previous?: ReleaseId;
  /** The instances that were wanted. */
  readonly processes: Processes;
  /** Commit and version that the release was built from, where known. */
  readonly manifest?: ManifestRef;
  /** Why it was made, where nobody asked for it. */
  readonly reason?: string;
}

export interface LedgerEnd extends LedgerCommon {
  readonly kind: 'end';
  readonly outcome: LedgerOutcome;
  readonly previous?: ReleaseId;
  readonly durationMs: Ms;
  /** The change itself was killed; a later recovery wrote its end. */
  readonly recovered?: true;
  readonly error?: SerializedError;
  readonly traffic?: { readonly requests: number; readonly errors: number };
}

/** A change stopped to ask a person, or got its answer. `expired`: nobody answered in time, which counts as a refusal. */
export interface LedgerDecision extends LedgerCommon {
  readonly kind: 'paused' | 'approved' | 'rejected' | 'expired';
  readonly gate: string;
  /** Given with the answer. */
  readonly note?: string;
}

/** The service was taken out of service as a whole: `destroy` when that began, `destroyed` when it was done. What comes after starts afresh. */
export interface LedgerDestroy extends Pick<LedgerCommon, 'run' | 'at' | 'actor'> {
  readonly kind: 'destroy' | 'destroyed';
  /** Those that were stored. */
  readonly releases: readonly ReleaseId[];
}

export type LedgerBody = LedgerStart | LedgerEnd | LedgerDecision | LedgerDestroy;

/** `hash` is the SHA-256 of `prev` and the canonical JSON of the rest; the first `prev` is 64 zeros. */
export type LedgerEntry = LedgerBody & { readonly schema: typeof STATE_SCHEMA; readonly seq: number; readonly prev: string; readonly hash: string };

export interface LedgerVerdict {
  readonly ok: boolean;
  readonly entries: number;
  readonly head: string;
  /** Where the chain breaks: file, line, and what is wrong. */
  readonly broken?: string;
  /** File and line of a beginning of an entry at the very end: a crash cut it short. It breaks nothing; the next entry takes its place. */
  readonly torn?: string;
}

export interface Ledger {
  append(body: LedgerBody): Promise<LedgerEntry>;
  entries(): Promise<readonly LedgerEntry[]>;
  verify(): Promise<LedgerVerdict>;
}

export interface Journal {
  read(): Promise<JournalRecord | undefined>;
  write(record: JournalRecord): Promise<void>;
  clear(): Promise<void>;
}

/** A hook under way. Written before its process is started, and once more when that is known. Times are ISO 8601 in UTC. */
export interface HookRecord {
  readonly schema: typeof STATE_SCHEMA;
  readonly run: string;
  /** Such as preDeploy: what its process has as NX_DEPLOY_HOOK. */
  readonly hook: string;
  readonly since: string;
  /** Leads a process group of its own. */
  readonly process?: { readonly pid: number; readonly identity: string };
  /** Whoever ran it was gone, and it was ended then; nobody was told yet. */
  readonly ended?: string;
}

export interface HookRecords {
  read(): Promise<HookRecord | undefined>;
  write(record: HookRecord): Promise<void>;
  clear(): Promise<void>;
}

export interface LockHolder {
  readonly run: string;
  readonly action: Action | Task;
  readonly actor: Actor;
  readonly since: string;
}

export interface Lease {
  /** Rejects with ND-LEASE-LOST once the lease is lost; called before each side effect. */
  assert(): Promise<void>;
  release(): Promise<void>;
}

export interface Lock {
  /** Rejects with ND-LOCKED, naming the holder, since when and from which host. */
  acquire(holder: LockHolder): Promise<Lease>;
  holder(): Promise<LockHolder | undefined>;
  /** Takes the lease away from that run, which from then on can record nothing and so do nothing; false when it does not hold the lock. */
  revoke(run: string): Promise<boolean>;
}

/** The variables of a release and which of them are secret (those are replaced by their names in logs). */
export interface ConfigValues {
  readonly values: Readonly<Record<string, string>>;
  readonly secrets: readonly string[];
}

export interface SealedConfig {
  /** The name that these values would get, without keeping them. */
  ref(config: ConfigValues): Promise<ConfigRef>;
  seal(config: ConfigValues): Promise<ConfigRef>;
  /** Rejects with ND-STATE-DAMAGED when the values are gone or do not match their digest. */
  open(ref: ConfigRef): Promise<ConfigValues>;
  remove(ref: ConfigRef): Promise<void>;
}

export interface ReleaseRecords {
  put(release: Release): Promise<void>;
  get(id: ReleaseId): Promise<Release | undefined>;
  list(): Promise<readonly Release[]>;
  remove(id: ReleaseId): Promise<void>;
}

export interface StateStore {
  readonly ledger: Ledger;
  readonly journal: Journal;
  /** At most one hook runs at a time, under the lock. */
  readonly hook: HookRecords;
  readonly lock: Lock;
  readonly config: SealedConfig;
  readonly releases: ReleaseRecords;
}
