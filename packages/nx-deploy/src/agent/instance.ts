/** One slot of a service: starts its process, watches it, starts it again with backoff, stops it. */
import { openSync, closeSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Limits, Ms } from '../model/index.js';
import { detach, type Detached } from '../shell/detach.js';
import { identity, isAlive, sessionMembers, sessionMemory } from '../shell/process-table.js';
import { killGroup } from '../shell/run.js';
import type { ShimExit, ShimOrder } from './shim.js';

/** What is kept on disk of a slot, enough to find its process again. */
export interface InstanceRecord {
  /** `<process>.<slot>`, unique within its release. */
  readonly id: string;
  readonly release: string;
  readonly process: string;
  readonly slot: number;
  readonly port: number;
  readonly pid?: number;
  readonly identity?: string;
  /** It answered its checks when this was written. */
  readonly ready?: true;
}

/**
 * starting: runs, not yet ready. ready: answers its checks. unready: was ready, now fails them. backoff: ended, will be started again.
 * draining: out of the traffic, finishing. stopped: gone for good.
 */
export type InstanceState = 'starting' | 'ready' | 'unready' | 'backoff' | 'draining' | 'stopped';

export interface InstanceOptions {
  /** Path of the shim's single file, and the Node that runs it. */
  readonly shim: string;
  readonly node: string;
  readonly logFile: string;
  readonly exitFile: string;
  /** Keeps the port when it is free, else gives another. */
  readonly port: (current: number) => Promise<number>;
  readonly order: (record: InstanceRecord) => Promise<Pick<ShimOrder, 'argv' | 'cwd' | 'env' | 'secrets'>>;
  readonly stopTimeout: Ms;
  readonly limits: Limits;
  /** Resolves as soon as the signal aborts; calls back with each verdict while the process lives. */
  readonly watch: (instance: Instance, signal: AbortSignal) => Promise<void>;
  readonly onChange: () => void;
}

const BACKOFF_FIRST: Ms = 250;
const BACKOFF_LIMIT: Ms = 30_000;
/** After this long alive, a crash counts as the first one again. */
const STABLE_AFTER: Ms = 60_000;
const POLL: Ms = 250;
const MEMORY_POLL: Ms = 2_000;

export class Instance {
  state: InstanceState = 'starting';
  /** Why it is not ready, for people. */
  reason = 'it has just been started';
  /** Ends that nobody asked for, since it was last ready for a while. */
  crashes = 0;
  private pid: number | undefined;
  private identity: string | undefined;
  private watching = new AbortController();
  private wanted = true;
  private port: number;
  private readonly birth: Pick<InstanceRecord, 'id' | 'release' | 'process' | 'slot'>;

  constructor(record: InstanceRecord, private readonly options: InstanceOptions) {
    const { id, release, process: name, slot } = record;
    this.birth = { id, release, process: name, slot };
    this.port = record.port;
    this.pid = record.pid;
    this.identity = record.identity;
    // An adopted instance gets traffic at once; its checks begin anew behind that.
    if (record.ready === true) this.state = 'ready';
  }

  get record(): InstanceRecord {
    return {
      ...this.birth,
      port: this.port,
      ...(this.pid === undefined ? {} : { pid: this.pid }),
      ...(this.identity === undefined ? {} : { identity: this.identity }),
      ...(this.state === 'ready' ? { ready: true } : {}),
    };
  }

  get alive(): boolean {
    return this.pid !== undefined;
  }

  /** Takes over a process that an earlier agent started; false when it is gone. */
  async adopt(): Promise<boolean> {
    if (this.pid === undefined || this.identity === undefined || !await isAlive(this.pid, this.identity)) {
      this.pid = undefined;
      return false;
    }
    void this.follow(this.pid, pollUntilGone(this.pid, this.identity));
    return true;
  }

  async start(): Promise<void> {
    if (this.port !== 0) this.port = await this.options.port(this.port);
    const order = await this.options.order(this.record);
    if (!this.wanted) return;
    rmSync(this.options.exitFile, { force: true });
    mkdirSync(dirname(this.options.logFile), { recursive: true, mode: 0o700 });
    const shim = await this.detachShim({ ...order, logFile: this.options.logFile, exitFile: this.options.exitFile });
    this.pid = shim.pid;
    this.identity = await identity(shim.pid);
    if (!this.wanted) {
      // It was stopped while it started.
      await this.killAll(shim.pid);
      return;
    }
    this.set('starting', 'it has been started and has not answered yet');
    void this.follow(shim.pid, shim.ended.then(() => undefined));
  }

  private async detachShim(order: ShimOrder): Promise<Detached> {
    const errors = openSync(`${this.options.logFile}.shim`, 'a', 0o600);
    try {
      const title = `nx-deploy: ${this.birth.release} ${this.birth.id}`;
      return await detach(this.options.node, [this.options.shim, title], { env: {}, output: errors, input: JSON.stringify(order) });
    } finally {
      closeSync(errors);
    }
  }

  private async follow(pid: number, ended: Promise<void>): Promise<void> {
    const since = performance.now();
    this.watching = new AbortController();
    const { signal } = this.watching;
    void this.options.watch(this, signal);
    if (this.options.limits.memory !== undefined) void this.limitMemory(pid, this.options.limits.memory, signal);
    await ended;
    this.watching.abort();
    // What the program left behind in its group ends with it.
    killGroup(pid);
    this.pid = undefined;
    this.identity = undefined;
    if (!this.wanted) return;
    this.crashes = performance.now() - since > STABLE_AFTER ? 1 : this.crashes + 1;
    this.set('backoff', this.exitReason());
    await this.restartLater();
  }

  private async restartLater(): Promise<void> {
    await sleep(Math.min(BACKOFF_FIRST * 2 ** (this.crashes - 1), BACKOFF_LIMIT), undefined, { ref: false });
    if (!this.wanted) return;
    try {
      await this.start();
    } catch (error) {
      this.crashes += 1;
      this.set('backoff', error instanceof Error ? error.message : String(error));
      await this.restartLater();
    }
  }

  private exitReason(): string {
    try {
      const end = JSON.parse(readFileSync(this.options.exitFile, 'utf8')) as ShimExit;
      if (end.error !== undefined) return `it ${end.error}`;
      return end.signal === null ? `it exited with code ${end.code ?? 0}` : `it was ended by ${end.signal}`;
    } catch {
      return this.reason.startsWith('it used') ? this.reason : 'it ended without a trace (killed)';
    }
  }

  private async limitMemory(pid: number, limit: number, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await sleep(MEMORY_POLL, undefined, { signal, ref: false }).catch(() => undefined);
      const used = signal.aborted ? 0 : await sessionMemory(pid) ?? 0;
      if (used > limit) {
        this.reason = `it used ${used} bytes of memory, over its limit of ${limit}, and was killed`;
        killGroup(pid);
        return;
      }
    }
  }

  /** Reports a change of state; called by the watch as well. */
  set(state: InstanceState, reason: string): void {
    if (this.state === 'draining' || this.state === 'stopped') return;
    const changed = this.state !== state;
    this.state = state;
    this.reason = reason;
    if (changed) this.options.onChange();
  }

  /** Leaves the traffic; from here on it is only finished or stopped. */
  drain(): void {
    this.wanted = false;
    this.watching.abort();
    this.state = 'draining';
    this.options.onChange();
  }

  /** SIGTERM, then after the stop timeout SIGKILL to everything in its session. Resolves when all of it is gone. */
  async stop(): Promise<void> {
    this.wanted = false;
    this.watching.abort();
    const pid = this.pid;
    const known = this.identity;
    if (pid !== undefined && known !== undefined && await isAlive(pid, known)) {
      signalOne(pid, 'SIGTERM');
      await Promise.race([pollUntilGone(pid, known), sleep(this.options.stopTimeout, undefined, { ref: false })]);
      await this.killAll(pid);
    }
    this.pid = undefined;
    this.identity = undefined;
    this.state = 'stopped';
    this.options.onChange();
  }

  /** Also those that left the group but not the session. */
  private async killAll(pid: number): Promise<void> {
    killGroup(pid);
    for (const member of await sessionMembers(pid)) signalOne(member, 'SIGKILL');
    while ((await sessionMembers(pid)).length > 0) await sleep(POLL / 10);
  }

  /** Stops watching without touching the process: the agent leaves, the instance lives on. */
  forsake(): void {
    this.wanted = false;
    this.watching.abort();
  }
}

function signalOne(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // ESRCH: it has ended.
  }
}

async function pollUntilGone(pid: number, known: string): Promise<void> {
  while (await isAlive(pid, known)) await sleep(POLL / 5, undefined, { ref: false });
}
