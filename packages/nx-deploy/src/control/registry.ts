/** All services of this agent, by key. Opens them at start, refuses a stranger's. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Home } from '../agent/home.js';
import { endRecorded, runningIn } from '../agent/supervisor.js';
import { asDeployError, DeployError } from '../errors.js';
import type { Ms } from '../model/index.js';
import { LocalService, type LocalHost } from '../platforms/local/service.js';
import type { ServiceRecord } from '../platforms/local/record.js';
import { isMissing, keyName, STATE_SCHEMA, type Lease } from '../releases/index.js';
import type { Router } from '../routers/router.js';
import { rebuildRecords } from '../platforms/local/rebuild.js';
import { neverDeployed } from './platform-calls.js';
import type { ServiceTarget, WantedListen } from './protocol.js';
import { agentActor, recoverService } from './recovery.js';

export interface RegistryOptions {
  readonly home: Home;
  readonly router: Router;
  readonly shim: string;
  readonly materialise: LocalHost['materialise'];
  readonly predecessorGone?: Promise<void>;
  readonly log: LocalHost['log'];
}

export class Registry {
  private readonly services = new Map<string, Promise<LocalService>>();
  /** Services of an earlier agent that could not be restored, by the name of their folder. */
  private readonly broken = new Map<string, DeployError>();
  private readonly host: LocalHost;

  constructor(private readonly options: RegistryOptions) {
    this.host = {
      router: options.router,
      shim: options.shim,
      targetKey: options.home.targetKey,
      materialise: options.materialise,
      takenPorts: () => new Set([...this.opened.flatMap((service) => service.supervisor.ports()), ...this.listenPorts()]),
      listenPorts: () => this.listenPorts(),
      ...(options.predecessorGone === undefined ? {} : { predecessorGone: options.predecessorGone }),
      log: options.log,
    };
  }

  private opened: readonly LocalService[] = [];
  private closed = false;
  private readonly recoveries = new Map<LocalService, Promise<void>>();

  /**
   * Finds what an earlier agent left and puts its routes in force; {@link revive} does the rest. A service whose state cannot be read is named
   * in the log and does not stop the others.
   */
  async restore(): Promise<void> {
    await Promise.all((await foldersOf(this.options.home)).map(async (name) => {
      try {
        const service = await LocalService.restore(join(this.options.home.services, name), this.host);
        if (service !== undefined) this.keep(name, service);
      } catch (error) {
        this.broken.set(name, asDeployError(error));
        this.options.log(`the service in ${name} could not be restored`, error);
      }
    }));
  }

  /** Starts the instances that ended while there was no agent. */
  async revive(): Promise<void> {
    await Promise.all(this.opened.map(async (service) => {
      await service.revive().catch((error: unknown) => this.options.log(`instances of ${service.routeKey} could not be started`, error));
    }));
  }

  /** The name of a service that is locked by a run or a recovery. */
  async busy(): Promise<string | undefined> {
    const locked = await Promise.all(this.opened.map(async (service) => (await service.state.lock.holder() === undefined ? [] : [service.routeKey])));
    return locked.flat()[0];
  }

  /** From here on nothing is changed here, because another agent is to take charge. Resolves with what is under way instead, and then goes on. */
  async close(): Promise<string | undefined> {
    const since = new Date().toISOString();
    const leases: Lease[] = [];
    this.closed = true;
    for (const { state, routeKey } of this.opened) {
      try {
        leases.push(await state.lock.acquire({ run: 'handover', action: 'deploy', actor: agentActor(), since }));
      } catch {
        this.closed = false;
        await Promise.all(leases.map((lease) => lease.release()));
        return routeKey;
      }
    }
    return undefined;
  }

  /** The longest that an instance of any service may take to finish its requests. */
  async longestDrain(): Promise<Ms> {
    const releases = await Promise.all(this.opened.flatMap((service) => service.supervisor.all().map(({ record }) => service.release(record.release))));
    return Math.max(0, ...releases.map(({ spec }) => spec.drain));
  }

  /** Starts to finish what a killed agent had begun; {@link settled} tells when that is done. */
  recover(log: (message: string, facts?: unknown) => void): void {
    for (const service of this.opened) this.recoveries.set(service, recoverService(service, log));
  }

  /** Resolves when no service is still being recovered. */
  async allSettled(): Promise<void> {
    await Promise.all(this.recoveries.values());
  }

  /** Resolves when nothing of an earlier agent is still being recovered for this service. */
  async settled(service: LocalService): Promise<void> {
    await this.recoveries.get(service);
  }

  /** Digests of all artifacts that a stored release refers to, but those of `except`. Rejects while the state of a service cannot be read: what it needs is not known. */
  async artifacts(except?: { readonly service: LocalService; readonly ids: ReadonlySet<string> }): Promise<ReadonlySet<string>> {
    const [unreadable] = this.broken.keys();
    if (unreadable !== undefined) throw new DeployError('ND-STATE-DAMAGED', { what: 'the state of another service cannot be read', where: join(this.options.home.services, unreadable), next: 'run repair for it' });
    const releases = await Promise.all(this.opened.map(async (service) => (await service.state.releases.list()).filter(({ id }) => service !== except?.service || !except.ids.has(id))));
    return new Set(releases.flat().map((release) => release.artifact.digest));
  }

  /** The service; when its state could not be read, with records made anew from what runs, and one line for each of them. Rejects when it was never deployed. */
  rebuilt(target: ServiceTarget, node: string, listen: WantedListen): Promise<{ readonly service: LocalService; readonly lines: readonly string[] }> {
    const next = this.rebuilding.then(async () => {
      const name = keyName(target.key);
      const why = this.services.has(name) ? undefined : this.broken.get(name);
      if (why === undefined) return { service: await this.known(target), lines: [] };
      if (why.code === 'ND-STATE-NEWER') throw why;
      const lines = await rebuildRecords(join(this.options.home.services, name), { ...target, node, listen }, this.host);
      return { service: await this.open(target, node), lines };
    });
    this.rebuilding = next.catch(() => undefined);
    return next;
  }

  private rebuilding: Promise<unknown> = Promise.resolve();

  /** Ends what runs of services whose state cannot be read or whose record is gone; returns how many instances. */
  async endUnreadable(): Promise<number> {
    const strangers = (await foldersOf(this.options.home)).filter((name) => !this.services.has(name));
    const counts = await Promise.all(strangers.map((name) => endRecorded(join(this.options.home.services, name)).catch((error: unknown) => {
      this.options.log(`what runs of ${name} could not be found`, error);
      return 0;
    })));
    return counts.reduce((sum, count) => sum + count, 0);
  }

  all(): readonly LocalService[] {
    return this.opened;
  }

  /** The service if it is known; ND-OWNER-CONFLICT when another workspace owns it, and why when its state could not be read. */
  async find(target: ServiceTarget): Promise<LocalService | undefined> {
    const name = keyName(target.key);
    const service = await this.services.get(name);
    const why = service === undefined ? this.broken.get(name) : undefined;
    if (why !== undefined) throw why;
    if (service !== undefined) assertOwner(service, target);
    return service;
  }

  /** The service; ND-NOT-DEPLOYED when there is none. */
  async known(target: ServiceTarget): Promise<LocalService> {
    const service = await this.find(target);
    if (service === undefined) throw neverDeployed(target);
    return service;
  }

  /** The service, made if it is new. */
  async open(target: ServiceTarget, node: string): Promise<LocalService> {
    const name = keyName(target.key);
    let opening = this.services.get(name);
    if (opening === undefined) {
      if (this.closed) throw new DeployError('ND-INTERRUPTED', { what: 'a newer agent takes over just now', next: 'run the command again' });
      const fresh: ServiceRecord = { schema: STATE_SCHEMA, key: target.key, owner: target.owner, weights: {}, node };
      opening = this.restoredOr(join(this.options.home.services, name), fresh).then((service) => {
        this.opened = [...this.opened, service];
        this.broken.delete(name);
        return service;
      });
      this.services.set(name, opening);
      opening.catch(() => this.services.delete(name));
    }
    const service = await opening;
    assertOwner(service, target);
    return service;
  }

  /** A service whose state was damaged at start may have been repaired since, and have instances. */
  private async restoredOr(folder: string, fresh: ServiceRecord): Promise<LocalService> {
    const restored = await LocalService.restore(folder, this.host);
    await restored?.revive();
    return restored ?? LocalService.open(folder, fresh, this.host);
  }

  private keep(name: string, service: LocalService): void {
    this.services.set(name, Promise.resolve(service));
    this.opened = [...this.opened, service];
  }

  private listenPorts(): ReadonlySet<number> {
    return new Set(this.opened.flatMap((service) => service.record.listen?.port ?? []));
  }
}

/** Does anything run of the services of this home? For when no agent does. */
export async function leftRunning(home: Pick<Home, 'services'>): Promise<boolean> {
  const found = await Promise.all((await foldersOf(home)).map((name) => runningIn(join(home.services, name)).catch(() => [])));
  return found.some((pids) => pids.length > 0);
}

async function foldersOf({ services }: Pick<Home, 'services'>): Promise<readonly string[]> {
  return readdir(services).catch((error: unknown) => {
    if (isMissing(error)) return [];
    throw error;
  });
}

function assertOwner(service: LocalService, target: ServiceTarget): void {
  service.claim(target.owner);
  if (service.record.owner === target.owner) return;
  throw new DeployError('ND-OWNER-CONFLICT', {
    what: `another workspace with the same name ${JSON.stringify(target.key.workspace)} has deployed ${target.key.service} (${target.key.environment}) here`,
    why: `it was deployed from ${service.record.owner}, this workspace is ${target.owner}`,
    next: 'give one of the two workspaces a name of its own: option workspaceId of nx-deploy/plugin in nx.json',
  });
}
