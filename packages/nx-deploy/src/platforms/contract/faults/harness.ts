/** What a platform's own spec gives to the fault suites: a place that changes are made in, how to reach what it stores, how to break it. */
import type { ServiceStatus, WantedListen } from '../../../control/protocol.js';
import type { ChangeResult } from '../../../engine/request.js';
import type { TaskResult } from '../../../engine/task.js';
import type { Ms } from '../../../model/index.js';
import type { LedgerEntry } from '../../../releases/index.js';
import type { ServiceOrder } from '../harness.js';

export interface FaultOrder extends Omit<ServiceOrder, 'dryRun' | 'limits' | 'secrets'> {
  readonly listen?: WantedListen;
}

/**
 * refused: every command that needs the file names it and says what to do; repair makes the service usable. healed: the next change goes on and the file
 * is right afterwards. told: changes go on, and status names the file for as long as it is there.
 */
export type Consequence = 'refused' | 'healed' | 'told';

/** A kind of file that the platform keeps of a service. */
export interface StateFile {
  readonly name: string;
  /** Below the place's folder; of the release that has the traffic, where there is one per release. It need not exist now. */
  readonly path: string;
  /** While the process that makes changes runs, and when it was started after the damage. */
  readonly meanwhile: Consequence;
  readonly afterRestart: Consequence;
  /** Instead of these two, when it is not there at all. */
  readonly gone?: { readonly meanwhile: Consequence; readonly afterRestart: Consequence };
  /** Instances cannot be managed any more once it is gone, after a restart: repair names their processes and leaves them alone. */
  readonly disowns?: true;
}

/** One service in one environment. */
export interface FaultService {
  /** Stores the artifact now, so that a later deploy of the same order needs no room for it. */
  prepare(order: FaultOrder): Promise<void>;
  /** What a command is refused with before a run begins is a result too. */
  deploy(order: FaultOrder): Promise<ChangeResult>;
  /** By a walker that is a process of its own. */
  deployElsewhere(order: FaultOrder): Promise<ChangeResult>;
  rollback(): Promise<ChangeResult>;
  /** Answers a change that waits. */
  decide(action: 'approve' | 'reject'): Promise<ChangeResult>;
  /** The public gets this page, until it is opened again. */
  close(page: string | undefined): Promise<void>;
  repair(): Promise<TaskResult>;
  /** Rejects with what a command would be refused with. */
  status(): Promise<ServiceStatus>;
  ledger(): Promise<readonly LedgerEntry[]>;
  /** Of a service that was deployed. */
  files(): Promise<readonly StateFile[]>;
}

export interface FaultPlace {
  /** Everything that is stored lies below. */
  readonly folder: string;
  /** Of the process in which changes are made. */
  pid(): Promise<number>;
  service(name: string): FaultService;
  /** That process ends and another one takes its place; instances live on. */
  restart(): Promise<void>;
  /** Command lines of the processes that the place has started and that still run, without those that make changes. */
  processes(): readonly string[];
  /** Ends all that runs, and removes what was stored. */
  close(): Promise<void>;
}

export interface FaultOptions {
  /** Changes are made in a process of its own, whose memory can be measured. */
  readonly apart?: boolean;
  /** Where to keep everything; a temp folder when left out. */
  readonly folder?: string;
}

export interface FaultSubject {
  readonly name: string;
  open(options?: FaultOptions): Promise<FaultPlace>;
  /** From now on each write below a folder that a place waits for takes that much longer; call what it gives to end that. */
  slowDisk(folder: string, ms: Ms): () => void;
  /** Shifts the wall clock of the process that makes changes; 0 puts it right. Monotonic time is not touched. */
  shiftClock(ms: Ms): void;
  /** The next port that is picked for an instance is taken by a foreign program before the instance listens; resolves with that program. */
  snatchPort(): { readonly taken: Promise<Foreign>; release(): void };
}

/** A program that has nothing to do with the platform and answers on a port of 127.0.0.1. */
export interface Foreign {
  readonly port: number;
  readonly pid: number;
  /** Does it still run and answer as itself? */
  untouched(): Promise<boolean>;
  end(): void;
}
