/** The agent: one background process per user that runs instances, routes their traffic and walks deploys. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Server } from 'node:http';
import { openBlobStore } from '../archive/index.js';
import type { Home } from '../agent/home.js';
import { createEmbeddedRouter, type InheritableRouter } from '../routers/embedded/index.js';
import { detach } from '../shell/detach.js';
import { baseEnvironment } from '../shell/environment.js';
import { createAgentLog, type AgentLog } from './agent-log.js';
import { storedArtifacts, type StoredArtifacts } from './artifacts.js';
import { release, terminate } from './charge.js';
import { versionOf } from './code-copies.js';
import { gone } from './heir.js';
import { PROTOCOL, type Calls, type Hello } from './protocol.js';
import { Registry } from './registry.js';
import { openControl, reopenControl, type Ended } from './server.js';
import { isAbandoned, isInCharge, succeed, takeCharge, type Claimant } from './sole.js';
import { StandbyKeeper, type AgentProgram } from './standby.js';
import { UpkeepTimers } from './upkeep-timers.js';
import { Watches } from './watches.js';

export interface AgentOptions {
  readonly home: Home;
  readonly shim: string;
  readonly version: string;
  /** Name of the folder below `home.code` that this agent's program lies in. */
  readonly code?: string;
  /** Started as the standby; without it there is none, and nobody can take over. */
  readonly standby?: AgentProgram;
  /** Of a standby whose turn has come: the agent before it, and the listeners it left. */
  readonly inheritance?: { readonly former: number; readonly listeners: ReadonlyMap<string, number> };
}

export interface Agent {
  readonly log: AgentLog;
  /** Resolves when the agent has left. */
  readonly left: Promise<void>;
  /** Leaves; with `instances`, after ending all that runs. */
  stop(instances: boolean): Promise<void>;
}

type Takeover = Calls['takeover'];

const ROUTER_CLOSE = 10_000;
/** A successor that does not answer within this is left to itself. */
const SUCCESSOR_STARTS = 15_000;
const SUCCESSOR_POLL = 20;
const CHARGE_POLL = 2_000;

/** Undefined when another agent is in charge of this home. */
export async function startAgent(options: AgentOptions): Promise<Agent | undefined> {
  const { home, inheritance } = options;
  const former = inheritance === undefined ? undefined : await succeed(home.lockFile, inheritance.former);
  if (inheritance === undefined ? !await takeCharge(home.lockFile) : former === undefined) return undefined;
  const agent = new RunningAgent(options, former);
  await agent.open();
  return agent;
}

class RunningAgent implements Agent {
  readonly log: AgentLog;
  readonly left: Promise<void>;
  private readonly router: InheritableRouter;
  private readonly registry: Registry;
  private readonly artifacts: StoredArtifacts;
  private readonly keeper: StandbyKeeper | undefined;
  private readonly timers: UpkeepTimers;
  private readonly watches = new Watches((message, facts) => this.log.info(message, facts));
  private readonly predecessorGone: Promise<void>;
  private server: Server | undefined;
  private over = false;
  private handedOver = false;
  private leaving = false;
  private handing: Promise<Takeover['out']> | undefined;
  private resolveLeft: () => void = () => undefined;

  constructor(private readonly options: AgentOptions, private readonly former: Claimant | undefined) {
    const { home, shim, standby, inheritance } = options;
    const log = createAgentLog(home.logs);
    this.log = log;
    this.left = new Promise((resolve) => { this.resolveLeft = resolve; });
    void this.left.then(() => { this.over = true; });
    this.predecessorGone = former === undefined ? Promise.resolve() : gone(former);
    this.router = createEmbeddedRouter({
      ...(inheritance === undefined ? {} : { inherited: inheritance.listeners }),
      onListeners: (change) => this.keeper?.changed(change),
      beforeBind: () => this.keeper?.released() ?? Promise.resolve(),
    });
    this.keeper = standby && new StandbyKeeper({ home, own: standby, descriptors: () => this.router.descriptors(), log: (message, facts) => log.info(message, facts) });
    this.artifacts = storedArtifacts(openBlobStore(home.blobs), home);
    this.registry = new Registry({
      home, router: this.router, shim, predecessorGone: this.predecessorGone,
      materialise: (digest, target) => this.artifacts.materialise(digest, target),
      log: (message, error) => log.warn(message, error),
    });
    this.timers = new UpkeepTimers({ services: () => this.registry.all(), log: (message, facts) => log.info(message, facts), watchQuestion: (service) => this.watches.questions.see(service) });
  }

  /** Routes first: connections may be waiting for them. */
  async open(): Promise<void> {
    const { home, version, code } = this.options;
    await this.registry.restore();
    this.router.closeUnclaimed();
    await this.registry.revive();
    this.registry.recover((message, facts) => this.log.info(message, { facts }));
    this.watches.resume(this.registry);
    const hello: Hello = {
      protocol: PROTOCOL, version: (code === undefined ? undefined : versionOf(home, code)) ?? version, pid: process.pid, startedAt: new Date().toISOString(), home: home.folder, log: this.log.file, ...(code === undefined ? {} : { code }),
    };
    this.server = await openControl({
      socket: home.socket, hello, registry: this.registry, watches: this.watches,
      prune: (used, dryRun) => this.artifacts.prune(used, dryRun),
      log: (message, facts) => this.log.info(message, facts),
      stop: (instances) => this.end(instances),
      takeover: (wanted) => this.handOver(wanted),
    });
    this.keeper?.start();
    this.timers.start();
    this.log.info('started', { ...hello, ...(this.former === undefined ? {} : { after: this.former.pid }) });
    void this.leaveWhenReplaced();
  }

  async stop(instances: boolean): Promise<void> {
    // What is left after a handover is the requests in flight, and whoever asks for an end knows of them.
    if (this.handedOver) this.resolveLeft();
    else (await this.end(instances)).leave();
    await this.left;
  }

  /** Ends what is to end, and says how many instances that was; `leave` is called when whoever asked has been told. */
  private async end(instances: boolean): Promise<Ended> {
    this.leaving = true;
    this.log.info('leaving', { instances });
    this.timers.stop();
    await this.watches.stop({ forget: instances });
    await this.keeper?.leave();
    const known = this.registry.all().reduce((sum, { supervisor }) => sum + supervisor.all().length, 0);
    const stopped = instances ? known + await this.registry.endUnreadable() : 0;
    await Promise.all(this.registry.all().map(async (service) => {
      if (instances) await Promise.all(service.supervisor.all().map((instance) => service.supervisor.stop(instance)));
      await service.forsake();
    }));
    const closed = this.router.close(instances ? 0 : ROUTER_CLOSE).then(() => this.endPredecessor());
    const leave = (): void => {
      this.server?.close();
      // Whoever follows logs is told now, not when the router has closed.
      this.server?.closeAllConnections();
      void closed.then(() => release(this.options.home)).then(this.resolveLeft);
    };
    return { stopped, leave };
  }

  /** An agent that has handed over to this one may still have requests in flight. */
  private async endPredecessor(): Promise<void> {
    if (this.former !== undefined) await terminate(this.former);
    await this.predecessorGone;
  }

  /** Gives instances, addresses and socket to a program of `home.code`, which is in charge from the moment this resolves with `taken`. */
  private handOver(wanted: Takeover['in']): Promise<Takeover['out']> {
    // Two commands at once want the same; the second may reach the successor already.
    if (wanted.from !== process.pid) return Promise.resolve({ outcome: 'taken', pid: process.pid });
    this.handing ??= this.tryHandOver(wanted).finally(() => { this.handing = undefined; });
    return this.handing;
  }

  private async tryHandOver({ code, node }: Takeover['in']): Promise<Takeover['out']> {
    const { keeper, registry } = this;
    if (keeper === undefined || this.handedOver || !/^[0-9a-f]{8,64}$/.test(code)) return { outcome: 'failed', why: 'this agent cannot be taken over from' };
    const busy = await registry.busy();
    if (busy !== undefined) return { outcome: 'busy', why: busy };
    try {
      const pid = await keeper.prepare({ node, program: join(this.options.home.code, code, 'agent.js') });
      const begun = await registry.close();
      if (begun !== undefined) {
        keeper.restore();
        return { outcome: 'busy', why: begun };
      }
      this.log.info('handing over', { to: pid, code });
      await this.letGo(keeper);
      return { outcome: 'taken', pid };
    } catch (error) {
      keeper.restore();
      return { outcome: 'failed', why: error instanceof Error ? error.message : String(error) };
    }
  }

  /** From here on this process only finishes the requests it has. */
  private async letGo(keeper: StandbyKeeper): Promise<void> {
    this.handedOver = true;
    this.timers.stop();
    await this.watches.stop({ forget: false });
    const deadline = await this.registry.longestDrain().catch(() => 0);
    await Promise.all(this.registry.all().map((service) => service.forsake()));
    // Closing it removes the socket's file, which is the successor's from the next moment on.
    this.server?.close();
    const closed = this.router.close(Math.max(ROUTER_CLOSE, deadline));
    void Promise.all([closed, this.predecessorGone, this.seeOff(keeper.letGo())]).then(this.resolveLeft);
  }

  /** Stays until the successor answers. One that falls before that leaves nobody in charge: then the code that ran before starts again. */
  private async seeOff(ended: Promise<void>): Promise<void> {
    const { home, standby } = this.options;
    let fallen = false;
    void ended.then(() => { fallen = true; });
    const end = performance.now() + SUCCESSOR_STARTS;
    while (!fallen && !existsSync(home.socket) && performance.now() < end) await sleep(SUCCESSOR_POLL);
    if (!fallen || standby === undefined || !(await isInCharge(home.lockFile) || await isAbandoned(home.lockFile))) return;
    this.log.warn('the successor ended; starting this version again');
    await release(home);
    await detach(standby.node, [standby.program, 'run'], { env: { ...baseEnvironment(process.env), NX_DEPLOY_HOME: home.folder }, output: 2 });
  }

  private async stayReachable(): Promise<void> {
    const { server, options: { home } } = this;
    if (server === undefined || this.leaving) return;
    await reopenControl(server, home.socket).catch((error: unknown) => this.log.warn('the socket is gone and could not be made again', error));
  }

  /** A lock file that is gone or damaged names nobody, which is no reason to leave what runs without an agent. False when it names another one that lives. */
  private async chargeAgain(): Promise<boolean> {
    try {
      if (!await takeCharge(this.options.home.lockFile)) return false;
      await this.keeper?.appointAgain();
      this.log.warn('the lock file was gone or damaged, and was written anew');
    } catch (error) {
      this.log.warn('the lock file is gone or damaged, and could not be written anew', error);
    }
    return true;
  }

  /** Should two have taken charge at the same moment after all, the one that the file does not name leaves. */
  private async leaveWhenReplaced(): Promise<void> {
    for (;;) {
      await sleep(CHARGE_POLL, undefined, { ref: false });
      const inCharge = await isInCharge(this.options.home.lockFile);
      if (this.over || this.handedOver) return;
      if (this.leaving || inCharge || await this.chargeAgain()) {
        await this.stayReachable();
        continue;
      }
      this.log.warn('another agent is in charge of this home');
      await this.stop(false);
      return;
    }
  }
}
