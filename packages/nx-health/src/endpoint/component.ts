/** One thing that a service depends on, or has a limit of, and how it is asked. */
import type { HealthStatus } from '../result.js';

/** What a check found. Nothing, or `healthy`, when all is well; thrown errors are `unhealthy` with their message. */
export interface Observation {
  readonly status?: HealthStatus;
  /** Why it is not healthy, one line. Credentials in it are blotted out. */
  readonly reason?: string;
  /** What was measured, a number with its unit (`ms`, `bytes`, `percent`), or a word. */
  readonly observed?: number | string;
  readonly unit?: string;
}

export interface Component {
  /** `signal` is aborted when the time is up or the service shuts down. */
  readonly check: (signal: AbortSignal) => Observation | undefined | Promise<Observation | undefined>;
  /** Critical, the default: its end is the end of the service's health. Otherwise the service is degraded. */
  readonly critical?: boolean;
  /** ms that one check may take; 5,000 by default. */
  readonly timeoutMs?: number;
  /** ms that a result is answered with again; 1,000 by default. Not more than one check is under way at any time. */
  readonly cacheMs?: number;
  /** Checks in a row that must fail before the component counts as unhealthy; 1 by default. */
  readonly failures?: number;
  /** Checks in a row that must pass before it counts as healthy again; 1 by default. */
  readonly recoveries?: number;
  /** Names under which it can be asked for: `/health/<group>`. */
  readonly groups?: readonly string[];
  /** Is the service able to take requests while this is unhealthy? By default not, if it is critical. */
  readonly ready?: boolean;
  /** `datastore`, `component` or `system`, as application/health+json has it. */
  readonly type?: string;
}

export interface ComponentState {
  readonly status: HealthStatus;
  readonly critical: boolean;
  readonly reason?: string;
  readonly observed?: number | string;
  readonly unit?: string;
  /** ms that the check took. */
  readonly ms: number;
  /** When it was last asked, ms since 1970. */
  readonly time: number;
}
