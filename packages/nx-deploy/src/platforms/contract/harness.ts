/** What a platform's own spec gives to the contract suite. */
import type { StrategyOptions } from '../../config/resolved.js';
import type { ChangeResult } from '../../engine/request.js';
import type { PreparedHook } from '../../hooks/run-hooks.js';
import type { DeployEvent, HealthSpec, Limits, Ms, Release, ReleaseId } from '../../model/index.js';
import type { Platform } from '../platform.js';

/** One deploy of a fixture service. What is left out has the harness's default. */
export interface ServiceOrder {
  /** Folder name below e2e/fixtures/services. */
  readonly fixture: string;
  /** Written into the artifact, so that another version is another artifact. */
  readonly version: string;
  readonly instances: number;
  readonly strategy?: StrategyOptions;
  readonly values?: Readonly<Record<string, string>>;
  readonly secrets?: readonly string[];
  readonly health?: Partial<HealthSpec>;
  readonly limits?: Limits;
  readonly drain?: Ms;
  readonly stopTimeout?: Ms;
  readonly before?: readonly PreparedHook[];
  readonly after?: readonly PreparedHook[];
  readonly deadline?: Ms;
  readonly dryRun?: boolean;
  /** Called with each event as it happens. */
  readonly watch?: (event: DeployEvent) => void;
  readonly signal?: AbortSignal;
}

/** One service in one environment on the platform under test. */
export interface ServiceUnderTest {
  readonly platform: Platform;
  deploy(order: ServiceOrder): Promise<ChangeResult>;
  rollback(to?: ReleaseId, strategy?: StrategyOptions): Promise<ChangeResult>;
  /** Answers a change that waits. */
  decide(action: 'approve' | 'reject', note?: string): Promise<ChangeResult>;
  /** Where the public reaches it. */
  url(): Promise<string>;
  release(id: ReleaseId): Promise<Release>;
}

export interface Harness {
  /** A service of its own; the same names give the same service. */
  service(workspace: string, service: string, environment: string): Promise<ServiceUnderTest>;
  /** Every folder where the platform keeps something, for the search for secrets. */
  readonly folders: readonly string[];
  /** Files in which secrets may stand. */
  readonly sealed: RegExp;
  /** Ends all that runs and removes all that was stored. */
  close(): Promise<void>;
}

export const CONTRACT_PARTS = ['deploys', 'failures', 'releases', 'sideBySide', 'isolation'] as const;
export type ContractPart = (typeof CONTRACT_PARTS)[number];

export interface Subject {
  readonly name: string;
  /** Of the suite; default all. A platform that takes long to test has all of them in a soak. */
  readonly parts?: readonly ContractPart[];
  /** How long may what changes next to nothing take? Local: 1 s for a deploy of what runs, 0.5 s for a switch to a warm release. */
  readonly limits?: { readonly unchanged: Ms; readonly warm: Ms };
  /** Why the platform cannot be tested here; undefined when it can. */
  missing(): Promise<string | undefined>;
  open(): Promise<Harness>;
}
