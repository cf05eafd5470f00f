/** What the walker needs of a place where instances run. A platform is done when the contract suite (contract.ts) passes against the real thing. */
import type { Ability, Desired, Emit, LogLine, LogOptions, Metrics, Ms, Observed, Processes, Release, ReleaseId, StrategyName } from '../model/index.js';
import type { PlatformSettings, StateStore } from '../releases/state-store.js';

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Ready, or the reason why not with the last lines the instances wrote. */
export type Readiness =
  | { readonly ready: true }
  | { readonly ready: false; readonly reason: string; readonly logs: readonly string[] };

/** A walk that the platform performs by itself; the result is read from the state it leaves, never from an exit code. */
export type NativeWalk = (release: Release, desired: Desired) => Promise<void>;

export interface OnceOrder {
  readonly command: readonly string[];
  readonly timeout: Ms;
  readonly emit: Emit;
  readonly signal?: AbortSignal;
}

/** One service in one environment on one target. */
export interface Platform {
  readonly name: string;
  readonly can: readonly Ability[];
  /** Refuses, before anything changes, what would fail later: a taken port, a missing runtime. */
  preflight(): Promise<void>;
  /** Observed, never remembered. */
  list(): Promise<Observed>;
  /** Settings that belong to no release (the listen address, say) and differ from what is in force; `route` brings them in line. */
  drift(): Promise<readonly string[]>;
  /** Such settings as they are in force, as JSON, for `revert` of another process or of a later time; undefined: there are none. */
  settings?(): Promise<PlatformSettings>;
  /** Puts such settings back to `to`, by default to what they were when this object was made; called after a change was taken back. */
  revert(to?: PlatformSettings): Promise<void>;
  stage(release: Release): Promise<void>;
  exists(release: ReleaseId): Promise<boolean>;
  remove(release: ReleaseId): Promise<void>;
  /** Starts or stops instances; surplus ones leave the traffic and drain before they stop. Resolves when the surplus is gone. */
  scale(release: ReleaseId, processes: Processes): Promise<void>;
  /** Every instance of the release answers its check `passes` times in a row within `deadline` ms, and the listener is that instance. */
  ready(release: ReleaseId, deadline: Ms): Promise<Readiness>;
  /** Reaches the release directly, for a smoke check at weight 0. */
  address(release: ReleaseId): Promise<Address | undefined>;
  /**
   * One atomic change of the share of every release, percent. `arriving`: the release that a change brings, which testers may ask for by header;
   * undefined outside a change.
   */
  route(weights: Readonly<Record<ReleaseId, number>>, arriving?: ReleaseId): Promise<void>;
  /** The releases that are kept running without traffic, each with its ISO time; replaces what was said before. `list` tells it as `until`. */
  keep(until: Readonly<Record<ReleaseId, string>>): Promise<void>;
  /** Where the service answers. */
  url(): Promise<string | undefined>;
  /** Runs a command to its end in a container of the release's own, before that has traffic. Rejects with ND-HOOK-FAILED. */
  runOnce?(release: ReleaseId, order: OnceOrder): Promise<void>;
  metrics?(release: ReleaseId, window: Ms): Promise<Metrics>;
  logs(release: ReleaseId | undefined, options: LogOptions): AsyncIterable<LogLine>;
  readonly native?: Partial<Record<StrategyName, NativeWalk>>;
  readonly state: StateStore;
}

/** What only repair and destroy ask of a platform. */
export interface Upkeep {
  /** Puts right what belongs to no release: damaged records, files that a killed process left. One line for each thing that was done. */
  mend(): Promise<readonly string[]>;
  /** Takes the service's address away for good. What is in flight may finish. */
  withdraw(): Promise<void>;
  /** Removes all that is stored of a service of which nothing runs any more, except its ledger. */
  erase(): Promise<void>;
}

/** One instance, as `status` shows it. */
export interface InstanceStatus {
  /** `web.1`, say. */
  readonly id: string;
  readonly release: ReleaseId;
  readonly state: string;
  readonly reason: string;
  readonly port: number;
  readonly pid?: number;
  readonly crashes: number;
}
