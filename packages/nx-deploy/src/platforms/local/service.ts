/** One service in one environment on this machine: its instances, its route, its state. The agent holds one of these for each. */
import { mkdir } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { InstanceRecord } from '../../agent/instance.js';
import type { ShimOrder } from '../../agent/shim.js';
import { Supervisor } from '../../agent/supervisor.js';
import { DeployError } from '../../errors.js';
import type { Ms, Release, ReleaseId } from '../../model/index.js';
import { fileStateStore, memoryLock, PRIVATE_FOLDER, type StateStore } from '../../releases/index.js';
import type { Listen, Router } from '../../routers/router.js';
import { baseEnvironment } from '../../shell/environment.js';
import { Leftover } from './leftover.js';
import { readRecord, writeRecord, type ServiceRecord } from './record.js';
import { targetsOf } from './targets.js';

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
  private routing: Promise<void> = Promise.resolve();
  /** The record is on disk: somebody has deployed. */
  private kept = false;
  private readonly leftover: Leftover;
  private readonly queues = new Map<ReleaseId, Promise<void>>();

  private constructor(readonly folder: string, private current: ServiceRecord, readonly host: LocalHost) {
    const { service, environment } = current.key;
    this.leftover = new Leftover({ service: `${service} (${environment})`, longest: () => this.longestEnd(), patience: host.patience });
    this.state = fileStateStore({ folder, keyFile: host.targetKey, lock: this.leftover.settling(memoryLock(`${service} (${environment})`)) });
    this.supervisor = new Supervisor({
      folder,
      shim: host.shim,
      node: process.execPath,
      release: (id) => this.release(id),
      order: (release, instance) => this.order(release, instance),
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
    const record = await readRecord(folder);
    if (record === undefined) return undefined;
    const service = new LocalService(folder, record, host);
    service.kept = true;
    await service.supervisor.adopt();
    const { listen, weights } = record;
    // The address may be another program's by now. The instances are there all the same, and the next deploy puts the route in force.
    if (listen !== undefined) await service.reopen(listen, weights).catch((error: unknown) => host.log('the route could not be restored', error));
    return service;
  }

  /** A process that was killed counts as gone some ms before the system has closed its sockets. */
  private async reopen(listen: Listen, weights: ServiceRecord['weights']): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      try {
        await this.putRoute(listen, weights);
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
    this.current = { ...this.current, ...change };
    await writeRecord(this.folder, this.current);
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

  /** Puts listen address and weights in force and remembers them. */
  async setRoute(listen: Listen, weights: Readonly<Record<ReleaseId, number>>): Promise<void> {
    await this.putRoute(listen, weights);
    // The traffic has moved, and that is what a restore is for: a full disk keeps only its record, which the next change writes.
    await this.update({ listen, weights }).catch((error: unknown) => {
      if (!(error instanceof DeployError) || error.code !== 'ND-DISK-FULL') throw error;
      this.host.log('the route is in force, but its record could not be written', error);
    });
  }

  /** Takes the route away and forgets its address. */
  async unroute(): Promise<void> {
    await this.serially(() => this.host.router.remove(this.routeKey));
    const { listen: _listen, ...rest } = this.current;
    this.current = { ...rest, weights: {} };
    await writeRecord(this.folder, this.current);
  }

  private putRoute(listen: Listen, weights: Readonly<Record<ReleaseId, number>>): Promise<void> {
    return this.serially(() => this.host.router.set({ key: this.routeKey, listen, weights, targets: targetsOf(this.supervisor.all()) }));
  }

  get routeKey(): string {
    const { workspace, environment, service } = this.current.key;
    return `${service} (${environment}, ${workspace})`;
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
    const next = (this.queues.get(release) ?? Promise.resolve()).then(change);
    const settled = next.catch(() => undefined);
    this.queues.set(release, settled);
    void settled.then(() => {
      if (this.queues.get(release) === settled) this.queues.delete(release);
    });
    return next;
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

  /** How a process is started: command, folder, and an environment built from scratch. */
  private async order(release: Release, instance: InstanceRecord): Promise<Pick<ShimOrder, 'argv' | 'cwd' | 'env' | 'secrets'>> {
    const { values, secrets } = await this.state.config.open(release.config);
    const [file = 'node', ...args] = release.spec.processes[instance.process]?.command ?? [];
    const { service, environment } = this.current.key;
    return {
      argv: [file === 'node' ? this.node() : file, ...args],
      cwd: join(this.appFolder(release.id), release.spec.cwd),
      env: {
        ...baseEnvironment(process.env),
        ...values,
        ...(instance.port === 0 ? {} : { PORT: String(instance.port), HOST: '127.0.0.1' }),
        NX_DEPLOY_SERVICE: service,
        NX_DEPLOY_ENVIRONMENT: environment,
        NX_DEPLOY_RELEASE: release.id,
        NX_DEPLOY_INSTANCE: instance.id,
      },
      secrets: Object.fromEntries(secrets.flatMap((name) => (values[name] === undefined ? [] : [[name, values[name]]]))),
    };
  }

  /** The Node of whoever deployed last, unless it is gone since. */
  private node(): string {
    return existsSync(this.current.node) ? this.current.node : process.execPath;
  }

  /** Leaves instances running and takes the route away. */
  async forsake(): Promise<void> {
    await this.supervisor.forsake();
    await this.routing;
  }
}
