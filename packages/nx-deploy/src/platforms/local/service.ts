/** One service in one environment on this machine: its instances, its route, its state. The agent holds one of these for each. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Supervisor } from '../../agent/supervisor.js';
import { DeployError } from '../../errors.js';
import type { Ms, Release, ReleaseId } from '../../model/index.js';
import { fileStateStore, memoryLock, PRIVATE_FOLDER, type StateStore } from '../../releases/index.js';
import type { Listen, Router } from '../../routers/router.js';
import { Leftover } from './leftover.js';
import { Queues } from './queues.js';
import { processOrder } from './process-order.js';
import { readKeptRecord, readRecord, writeRecord, type Closed, type ServiceRecord } from './record.js';
import { routeKey } from '../../routers/service-names.js';
import { routeOf } from './route.js';
import { targetsOf } from './targets.js';
import { Warmth } from './warmth.js';

/** What all services of one agent share. */
export interface LocalHost {
  readonly router: Router;
  readonly shim: string;
  /** Key of the whole target (sealed configuration). */
  readonly targetKey: string;
  /** Builds the folder of an artifact from stored content; rejects when a part of it is gone. */
  readonly materialise: (artifactDigest: string, target: string) => Promise<void>;
  /** Ports of all instances and listeners of this agent. */
  readonly takenPorts: () => ReadonlySet<number>;
  /** Public ports that this agent listens on. */
  readonly listenPorts: () => ReadonlySet<number>;
  /** Settled when no earlier agent forwards requests any more: instances that it may forward to are not stopped before. */
  readonly predecessorGone?: Promise<void>;
  /** How long work of a dead walker may take on top of draining; default a minute. */
  readonly patience?: Ms;
  /** Told what goes on in the background and has nobody to tell. */
  readonly log: (message: string, error?: unknown) => void;
}

/** A standby of the killed agent that was about to start has the listeners too, and goes when it has started: seconds, on a busy machine. */
const REOPEN_TRIES = 60;
const REOPEN_PAUSE: Ms = 50;

export class LocalService {
  readonly state: StateStore;
  readonly supervisor: Supervisor;
  /** Deadlines of the releases that are kept without traffic. */
  readonly warmth = new Warmth();
  private routing: Promise<void> = Promise.resolve();
  private writing: Promise<void> = Promise.resolve();
  /** Another agent has it, or none. */
  forsaken = false;
  /** The record is on disk: somebody has deployed. */
  private kept = false;
  private readonly leftover: Leftover;
  private readonly queues = new Queues();

  private constructor(readonly folder: string, private current: ServiceRecord, readonly host: LocalHost) {
    const { service, environment } = current.key;
    this.warmth.keep(current.warm ?? {});
    this.leftover = new Leftover({ service: `${service} (${environment})`, longest: () => this.longestEnd(), patience: host.patience });
    this.state = fileStateStore({ folder, keyFile: host.targetKey, lock: this.leftover.settling(memoryLock(`${service} (${environment})`)),
      // An entry of the ledger comes before the first instance and the first share of the traffic.
      written: () => Object.keys(this.current.weights).length > 0 || this.supervisor.all().length > 0 });
    this.supervisor = new Supervisor({
      folder,
      shim: host.shim,
      node: process.execPath,
      release: (id) => this.release(id),
      order: async (release, instance) => processOrder({ record: this.current, folder: this.appFolder(release.id), release, instance, config: await this.state.config.open(release.config) }),
      takenPorts: host.takenPorts,
      onChange: () => this.refresh(),
      onError: host.log,
    });
  }

  /** Opens a service that may be new. */
  static async open(folder: string, fresh: ServiceRecord, host: LocalHost): Promise<LocalService> {
    await mkdir(folder, { recursive: true, mode: PRIVATE_FOLDER });
    const record = await readRecord(folder);
    const service = new LocalService(folder, record ?? fresh, host);
    service.kept = record !== undefined;
    // Processes may be known although the record is gone.
    await service.supervisor.restore();
    return service;
  }

  /**
   * Opens a service that an earlier agent left, with the processes that still run and the route it had. Instances that ended meanwhile are not
   * started before {@link revive}, so that requests which wait for the route do not wait for them.
   */
  static async restore(folder: string, host: LocalHost): Promise<LocalService | undefined> {
    const record = await readKeptRecord(folder);
    if (record === undefined) return undefined;
    const service = new LocalService(folder, record, host);
    service.kept = true;
    await service.supervisor.adopt();
    const { listen } = record;
    // The address may be another program's by now. The instances are there all the same, and the next deploy puts the route in force.
    if (listen !== undefined) await service.reopen(listen).catch((error: unknown) => host.log('the route could not be restored', error));
    return service;
  }

  /** A process that was killed counts as gone some ms before the system has closed its sockets. */
  private async reopen(listen: Listen): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      try {
        await this.putRoute({ ...this.current, listen });
        return;
      } catch (error) {
        if (tries >= REOPEN_TRIES || !(error instanceof DeployError) || error.code !== 'ND-PORT-TAKEN') throw error;
        await sleep(REOPEN_PAUSE);
      }
    }
  }

  async revive(): Promise<void> {
    await this.supervisor.revive();
  }

  get record(): ServiceRecord {
    return this.current;
  }

  async update(change: Partial<Omit<ServiceRecord, 'schema' | 'key'>>): Promise<void> {
    await this.replace({ ...this.current, ...change });
  }

  /** One writer at a time: what is written last is what is true. */
  private async replace(record: ServiceRecord): Promise<void> {
    this.current = record;
    const next = this.writing.then(() => writeRecord(this.folder, this.current));
    this.writing = next.catch(() => undefined);
    await next;
    this.kept = true;
  }

  /** Who asks first does not own the service; who deploys first does. */
  claim(owner: string): void {
    if (!this.kept) this.current = { ...this.current, owner };
  }

  /** The Node that runs what is started from now on. */
  use(node: string): void {
    this.current = { ...this.current, node };
  }

  async release(id: ReleaseId): Promise<Release> {
    const release = await this.state.releases.get(id);
    if (release !== undefined) return release;
    throw new DeployError('ND-RELEASE-UNKNOWN', { what: `release ${id} is not known here`, where: this.folder, next: 'status lists the known ones' });
  }

  appFolder(id: ReleaseId): string {
    return join(this.folder, 'app', id);
  }

  /** Puts listen address, weights and how requests are steered in force and remembers them. What closes the service stays. */
  async setRoute(route: Pick<ServiceRecord, 'weights' | 'steering' | 'arriving'> & { readonly listen: Listen }): Promise<void> {
    await this.putRoute(route);
    const { steering: _steering, arriving: _arriving, ...rest } = this.current;
    // The traffic has moved, and that is what a restore is for: a full disk keeps only its record, which the next change writes.
    await this.replace({ ...rest, ...route }).catch((error: unknown) => {
      if (!(error instanceof DeployError) || error.code !== 'ND-DISK-FULL') throw error;
      this.host.log('the route is in force, but its record could not be written', error);
    });
  }

  /** The releases that are kept running without traffic, each with its ISO time. */
  async keep(warm: Readonly<Record<ReleaseId, string>>): Promise<void> {
    this.warmth.keep(warm);
    await this.update({ warm });
  }

  /** Closes the service to its public, or opens it again. On record first, so that an agent that is killed now leaves no other state than the one told. */
  async close(closed: Closed | undefined): Promise<void> {
    const { closed: _closed, ...rest } = this.current;
    await this.replace(closed === undefined ? rest : { ...rest, closed });
    await this.serially(async () => {
      const route = this.host.router.route(this.routeKey);
      if (route === undefined) return;
      const { closure: _closure, ...open } = route;
      await this.host.router.set({ ...open, ...(closed === undefined ? {} : { closure: closed.closure }), targets: targetsOf(this.supervisor.all()) });
    });
  }

  /** Takes the route away and forgets its address. */
  async unroute(): Promise<void> {
    await this.serially(() => this.host.router.remove(this.routeKey));
    const { schema, key, owner, node } = this.current;
    this.warmth.keep({});
    await this.replace({ schema, key, owner, node, weights: {} });
  }

  private putRoute(route: Pick<ServiceRecord, 'weights' | 'steering' | 'arriving'> & { readonly listen: Listen }): Promise<void> {
    return this.serially(() => {
      const { schema, key, owner, node, closed } = this.current;
      const record: ServiceRecord = { schema, key, owner, node, ...route, ...(closed === undefined ? {} : { closed }) };
      return this.host.router.set(routeOf(record, route.listen, targetsOf(this.supervisor.all())));
    });
  }

  get routeKey(): string {
    return routeKey(this.current.key);
  }

  /** Brings the targets of the route in line with the instances; weights and address stay. */
  refresh(): void {
    const change = async (): Promise<void> => {
      const route = this.host.router.route(this.routeKey);
      if (route !== undefined) await this.host.router.set({ ...route, targets: targetsOf(this.supervisor.all()) });
    };
    this.serially(change).catch((error: unknown) => this.host.log('the route could not be refreshed', error));
  }

  /** Resolves when every change of the route so far is in force. */
  settled(): Promise<void> {
    return this.routing;
  }

  /** One change of the instances of a release at a time: a call that was given up may still be at work. */
  queue(release: ReleaseId, change: () => Promise<void>): Promise<void> {
    return this.queues.add(release, change);
  }

  /** Work of a run whose walker is gone: whoever gets the lock next has it only when that has ended, or is refused when it does not end. */
  leave(work: readonly Promise<unknown>[]): void {
    this.leftover.leave(work);
  }

  /** Draining takes as long as a release allows. */
  private async longestEnd(): Promise<Ms> {
    const ids = [...new Set(this.supervisor.all().map(({ record }) => record.release))];
    const releases = await Promise.all(ids.map((id) => this.state.releases.get(id).catch(() => undefined)));
    return Math.max(0, ...releases.map((release) => (release === undefined ? 0 : release.spec.drain + release.spec.stopTimeout)));
  }

  private serially(change: () => Promise<void>): Promise<void> {
    const next = this.routing.then(change);
    this.routing = next.catch(() => undefined);
    return next;
  }

  /** Leaves instances running and takes the route away. */
  async forsake(): Promise<void> {
    this.forsaken = true;
    await this.supervisor.forsake();
    await Promise.all([this.routing, this.writing]);
  }
}
