/** The active agent's side of its standby: a process that holds every listener open and takes charge when this one is gone. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Home } from '../agent/home.js';
import type { Ms } from '../model/index.js';
import type { Descriptor } from '../routers/embedded/index.js';
import { baseEnvironment } from '../shell/environment.js';
import { startHeir, type Heir } from '../shell/heir.js';
import { BEAT, Pulse } from './pulse.js';
import { nameStandby } from './sole.js';

/** What runs as the standby: a Node and the agent's program. */
export interface AgentProgram {
  readonly node: string;
  readonly program: string;
}

export interface StandbyOptions {
  readonly home: Pick<Home, 'folder' | 'lockFile'>;
  readonly own: AgentProgram;
  readonly descriptors: () => readonly Descriptor[];
  readonly log: (message: string, facts: object) => void;
}

/** Several listeners that open at once are one change. */
const COLLECT: Ms = 50;
/** The first command of a user shall not share its processor with a standby of nothing. */
const UNHURRIED: Ms = 1_000;
const READY_TIMEOUT: Ms = 15_000;
const LEAVE_TIMEOUT: Ms = 2_000;
/** A standby that does not tell for this long that it runs could not take charge either, and is replaced. */
const SILENT_LIMIT: Ms = 10_000;
const BACKOFF_FIRST: Ms = 250;
const BACKOFF_LIMIT: Ms = 30_000;
/** A standby that lived this long has not failed. */
const STABLE_AFTER: Ms = 30_000;

export class StandbyKeeper {
  private current: Heir | undefined;
  /** Everything that was started and still runs. */
  private readonly running = new Set<Heir>();
  private queue: Promise<unknown> = Promise.resolve();
  private started = false;
  private over = false;
  private planned = false;
  /** A successor stands by, and no other may take its place. */
  private held = false;
  private failures = 0;

  constructor(private readonly options: StandbyOptions) {}

  /** From here on there is a standby, started again whenever it ends. Until then changes are of no account. */
  start(): void {
    this.started = true;
    this.plan(this.options.descriptors().length > 0 ? COLLECT : UNHURRIED);
  }

  /** The listeners are others now. One that was closed is open for as long as a standby has it, so that one goes at once. */
  changed(change: 'opened' | 'closed'): void {
    if (change === 'closed') {
      for (const heir of this.running) heir.kill();
      this.current = undefined;
    }
    if (this.started) this.plan(COLLECT);
  }

  /** Resolves when no standby holds a listener that was closed here. */
  async released(): Promise<void> {
    if (this.current === undefined) await Promise.all([...this.running].map((heir) => heir.ended));
  }

  /** Makes a standby of another program and resolves with its pid when it is ready; rejects with an Error that says why it is not. */
  prepare(program: AgentProgram): Promise<number> {
    return this.inTurn(async () => {
      this.held = true;
      const failure = await this.renew(program);
      if (failure !== undefined) throw new Error(failure);
      return this.current?.pid ?? 0;
    });
  }

  /** Back to a standby of the own program, after a successor was prepared that is not to take over. */
  restore(): void {
    this.held = false;
    this.plan(0);
  }

  /** The standby takes charge now. Resolves when it has ended. */
  async letGo(): Promise<void> {
    this.over = true;
    const heir = this.current;
    heir?.letGo();
    await heir?.ended;
  }

  /** Ends the standby, which does not take charge. */
  async leave(): Promise<void> {
    this.over = true;
    const all = [...this.running];
    for (const heir of all) heir.tell('leave');
    const ended = Promise.all(all.map((heir) => heir.ended));
    await Promise.race([ended, sleep(LEAVE_TIMEOUT, undefined, { ref: false })]);
    for (const heir of this.running) heir.kill();
    await ended;
  }

  private plan(after: Ms): void {
    if (this.planned || this.over) return;
    this.planned = true;
    const backoff = this.failures === 0 ? 0 : Math.min(BACKOFF_FIRST * 2 ** (this.failures - 1), BACKOFF_LIMIT);
    setTimeout(() => {
      void this.inTurn(async () => {
        this.planned = false;
        if (this.held) return;
        const failure = await this.renew(this.options.own);
        if (failure === undefined || this.over) return;
        this.options.log('the standby did not start', { failure });
        this.plan(BACKOFF_FIRST);
      });
    }, Math.max(after, backoff)).unref();
  }

  /** Starts a standby with the listeners of this moment; the one before goes when the new one is ready. Resolves with why it is not. */
  private async renew(program: AgentProgram): Promise<string | undefined> {
    if (this.over) return 'this agent leaves';
    const before = this.current;
    try {
      const { heir, ready } = this.launch(program);
      // The first one is named at once: nobody else may take charge while it holds the listeners.
      if (before === undefined) await this.appoint(heir);
      const failure = await ready;
      if (failure !== undefined) {
        heir.kill();
        return failure;
      }
      if (before !== undefined) await this.appoint(heir);
      before?.tell('leave');
      this.options.log('standby', { standby: heir.pid });
      return undefined;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  /** The lock file was written anew. */
  async appointAgain(): Promise<void> {
    if (this.current !== undefined) await nameStandby(this.options.home.lockFile, this.current.pid);
  }

  private async appoint(heir: Heir): Promise<void> {
    if (this.running.has(heir)) this.current = heir;
    await nameStandby(this.options.home.lockFile, heir.pid);
  }

  private launch({ node, program }: AgentProgram): { readonly heir: Heir; readonly ready: Promise<string | undefined> } {
    const { home, descriptors } = this.options;
    const began = performance.now();
    const listeners = descriptors();
    let readied: (value: undefined) => void = () => undefined;
    const pulse = new Pulse();
    const isReady = new Promise<undefined>((resolve) => { readied = resolve; });
    const heir = startHeir(node, [program, 'standby', JSON.stringify(listeners.map(({ name }) => name))], {
      env: { ...baseEnvironment(process.env), NX_DEPLOY_HOME: home.folder },
      output: 2,
      descriptors: listeners.map(({ fd }) => fd),
      onMessage: (message) => {
        if (message === 'ready') readied(undefined);
        if (message === 'beat') pulse.heard();
      },
    });
    this.running.add(heir);
    this.watch(heir, pulse);
    void heir.ended.then((why) => this.onEnd(heir, why, performance.now() - began));
    const late = sleep(READY_TIMEOUT, 'it was not ready in time', { ref: false });
    return { heir, ready: Promise.race([isReady, heir.ended, late]) };
  }

  /** Both tell each other that they run. One that was let go is on its own, and in charge. */
  private watch(heir: Heir, pulse: Pulse): void {
    const beat = setInterval(() => {
      if (this.over) return;
      heir.tell('beat');
      const silent = pulse.silence();
      if (silent < SILENT_LIMIT) return;
      this.options.log('the standby did not answer and was ended', { standby: heir.pid, silentMs: Math.round(silent) });
      heir.kill();
    }, BEAT).unref();
    void heir.ended.then(() => { clearInterval(beat); });
  }

  private onEnd(heir: Heir, why: string, lived: Ms): void {
    this.running.delete(heir);
    if (this.current !== heir) return;
    this.current = undefined;
    if (this.over) return;
    this.failures = lived > STABLE_AFTER ? 1 : this.failures + 1;
    this.options.log('the standby ended', { standby: heir.pid, why });
    this.plan(0);
  }

  /** One after the other. */
  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.queue.then(work);
    this.queue = result.catch(() => undefined);
    return result;
  }
}
