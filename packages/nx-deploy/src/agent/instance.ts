/** One slot of a service: starts its process, watches it, starts it again with backoff, stops it. */
import { openSync, closeSync, mkdirSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Limits, Ms } from '../model/index.js';
import { detach, type Detached } from '../shell/detach.js';
import { identity, isAlive, isOrphaned } from '../shell/process-table.js';
import { endSession, exitReason, memoryOver, stopSession, untilGone } from './ending.js';
import type { InstanceRecord, InstanceState } from './instance-record.js';
import type { ShimOrder } from './shim.js';

export type { InstanceRecord, InstanceState } from './instance-record.js';

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
  /** Called when the state has changed. */
  readonly onChange: () => void;
  /** Resolves when the present {@link Instance.record} is on disk, or could not be put there and that was reported. */
  readonly keep: () => Promise<void>;
  /** Told what fails in the background. */
  readonly onError: (message: string, error: unknown) => void;
}

const BACKOFF_FIRST: Ms = 250;
const BACKOFF_LIMIT: Ms = 30_000;
/** After this long alive, a crash counts as the first one again. */
const STABLE_AFTER: Ms = 60_000;

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
  private forsaken = false;
  /** Settled when no start is under way, and when the last process that was followed is gone with all it left. */
  private starting: Promise<void> = Promise.resolve();
  private following: Promise<void> = Promise.resolve();
  private overLimit: string | undefined;
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
      // The shim may have been killed and its program have lived on: it holds the port, and nobody else would find it.
      if (this.pid !== undefined && await isOrphaned(this.pid, this.identity)) await endSession(this.pid);
      this.forget();
      return false;
    }
    this.following = this.follow(this.pid, untilGone(this.pid, this.identity));
    return true;
  }

  /** Starts the process; rejects when that is not possible. */
  start(): Promise<void> {
    const launching = this.launch();
    this.starting = launching.catch(() => undefined);
    return launching;
  }

  /** As `start`; a failure is tried again like a crash. */
  async revive(): Promise<void> {
    try {
      await this.start();
    } catch (error) {
      this.options.onError(`instance ${this.birth.id} could not be started`, error);
      this.crashes += 1;
      this.set('backoff', error instanceof Error ? error.message : String(error));
      void this.restartLater();
    }
  }

  private async launch(): Promise<void> {
    if (this.port !== 0) this.port = await this.options.port(this.port);
    const order = await this.options.order(this.record);
    if (!this.wanted) return;
    rmSync(this.options.exitFile, { force: true });
    mkdirSync(dirname(this.options.logFile), { recursive: true, mode: 0o700 });
    const shim = await this.detachShim({ ...order, logFile: this.options.logFile, exitFile: this.options.exitFile });
    if (!this.wanted) {
      // It was stopped while it started.
      await endSession(shim.pid);
      this.forget();
      return;
    }
    this.set('starting', 'it has been started and has not answered yet');
    this.following = this.follow(shim.pid, shim.ended.then(() => undefined));
  }

  private forget(): void {
    this.pid = undefined;
    this.identity = undefined;
  }

  private async detachShim(order: ShimOrder): Promise<Detached> {
    const errors = openSync(`${this.options.logFile}.shim`, 'a', 0o600);
    try {
      const title = `nx-deploy: ${this.birth.release} ${this.birth.id}`;
      return await detach(this.options.node, [this.options.shim, title], {
        env: {}, output: errors, input: JSON.stringify(order),
        // Its record comes before its order: should this process end in between, the shim gets no order and ends too, and no program runs that nobody knows.
        before: async (pid) => {
          this.pid = pid;
          this.identity = await identity(pid);
          await this.options.keep();
        },
      });
    } catch (error) {
      this.forget();
      throw error;
    } finally {
      closeSync(errors);
    }
  }

  private async follow(pid: number, ended: Promise<void>): Promise<void> {
    const since = performance.now();
    this.watching = new AbortController();
    const { signal } = this.watching;
    const report = (what: string) => (error: unknown): void => this.options.onError(`${what} of instance ${this.birth.id} failed`, error);
    this.options.watch(this, signal).catch(report('the watch'));
    if (this.options.limits.memory !== undefined) this.limitMemory(pid, this.options.limits.memory, signal).catch(report('the memory limit'));
    await ended;
    this.watching.abort();
    // Another agent watches it by now, and may have started the next one.
    if (this.forsaken) return;
    // What the program left behind ends with it: it may hold the port.
    await endSession(pid).catch(report('the clean-up'));
    this.forget();
    if (!this.wanted) return;
    this.crashes = performance.now() - since > STABLE_AFTER ? 1 : this.crashes + 1;
    this.set('backoff', this.exitReason());
    void this.restartLater();
  }

  private async restartLater(): Promise<void> {
    await sleep(Math.min(BACKOFF_FIRST * 2 ** (this.crashes - 1), BACKOFF_LIMIT), undefined, { ref: false });
    if (this.wanted) await this.revive();
  }

  private exitReason(): string {
    const { overLimit } = this;
    this.overLimit = undefined;
    if (overLimit !== undefined) return overLimit;
    return exitReason(this.options.exitFile);
  }

  private async limitMemory(pid: number, limit: number, signal: AbortSignal): Promise<void> {
    const used = await memoryOver(limit, pid, signal);
    if (used === undefined) return;
    this.overLimit = `it used ${used} bytes of memory, over its limit of ${limit}, and was killed`;
    await endSession(pid);
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
    await this.starting;
    const pid = this.pid;
    const known = this.identity;
    if (pid !== undefined && known !== undefined && await isAlive(pid, known)) await stopSession(pid, known, this.options.stopTimeout);
    await this.following;
    this.forget();
    this.state = 'stopped';
    this.options.onChange();
  }

  /** Stops watching without touching the process: the agent leaves, the instance lives on. Resolves when no start is under way. */
  async forsake(): Promise<void> {
    this.wanted = false;
    this.forsaken = true;
    this.watching.abort();
    await this.starting;
  }
}
