/** All instances of one service in one environment. It keeps as many running as it was told, and knows nothing of traffic. */
import { join } from 'node:path';
import { WEB, type Release, type ReleaseId } from '../model/index.js';
import { DeployError, errorCode } from '../errors.js';
import { hasText, isObject, isWhole, readState, setAside, STATE_SCHEMA, writeAtomically } from '../releases/index.js';
import { isAlive } from '../shell/process-table.js';
import { endSession, stopSession } from './ending.js';
import { findInstances } from './find-instances.js';
import { Instance, type InstanceRecord } from './instance.js';
import { freePort, isFree } from './ports.js';
import { watchWeb, watchWorker } from './readiness.js';
import type { ShimOrder } from './shim.js';
import { findStrays, leftAlone, missing } from './strays.js';

export interface SupervisorOptions {
  /** Folder of the service. */
  readonly folder: string;
  readonly shim: string;
  readonly node: string;
  readonly release: (id: ReleaseId) => Promise<Release>;
  readonly order: (release: Release, instance: InstanceRecord) => Promise<Pick<ShimOrder, 'argv' | 'cwd' | 'env' | 'secrets'>>;
  /** Ports that instances of other services have. */
  readonly takenPorts: () => ReadonlySet<number>;
  readonly onChange: () => void;
  /** Told what fails in the background: a record that could not be written, a start that will be tried again. */
  readonly onError: (message: string, error: unknown) => void;
}

export const INSTANCES_FILE = 'instances.json';

export interface InstancesFile {
  readonly schema: typeof STATE_SCHEMA;
  readonly instances: readonly InstanceRecord[];
}

export class Supervisor {
  private readonly instances = new Set<Instance>();
  private readonly gone = new Set<Instance>();
  /** Nothing is started any more: what this process would start nobody would have on record. */
  private leaving = false;
  private forsaken = false;
  private saving: Promise<void> = Promise.resolve();
  private reserving: Promise<unknown> = Promise.resolve();

  constructor(private readonly options: SupervisorOptions) {}

  all(): readonly Instance[] {
    return [...this.instances];
  }

  of(release: ReleaseId): readonly Instance[] {
    return this.all().filter((instance) => instance.record.release === release);
  }

  get logFolder(): string {
    return join(this.options.folder, 'logs');
  }

  private get file(): string {
    return join(this.options.folder, INSTANCES_FILE);
  }

  /** Finds the processes of an earlier agent again. {@link revive} starts those that ended meanwhile. */
  async adopt(): Promise<void> {
    const known = await knownInstances(this.options.folder);
    // All or none: a service of which one record is lost is opened by a repair, which must not find these watched already.
    const records = await Promise.all(known.map(async (record) => ({ record, release: await this.options.release(record.release).catch((error: unknown) => { throw missing(this.options.folder, record, error); }) })));
    await Promise.all(records.map(async ({ record, release }) => {
      const instance = this.create(record, release);
      if (!await instance.adopt()) this.gone.add(instance);
    }));
  }

  /** Starts afresh what {@link adopt} did not find. */
  async revive(): Promise<void> {
    const gone = [...this.gone];
    this.gone.clear();
    await Promise.all(gone.map((instance) => instance.revive()));
    await this.save();
  }

  /** Writes the record of the instances anew when it is damaged or gone, and says so. */
  async mend(): Promise<string | undefined> {
    try {
      if (this.instances.size === 0 || await readState(this.file, isInstancesFile) !== undefined) return undefined;
      await this.save();
      return `${INSTANCES_FILE} was gone; it was written anew`;
    } catch (error) {
      if (errorCode(error) !== 'ND-STATE-DAMAGED') throw error;
      const aside = await setAside(this.file);
      await this.save();
      return `${INSTANCES_FILE} was damaged and is now ${aside}; it was written anew`;
    }
  }

  /** Takes over the processes of this service that are not on record, and ends those whose place another has: neither has traffic. One line for each. */
  async gather(): Promise<readonly string[]> {
    const lines: string[] = [];
    for (const stray of await findStrays(this.logFolder, () => new Set(this.all().flatMap(({ record }) => record.pid ?? [])))) {
      const release = await this.options.release(stray.release).catch((error: unknown) => {
        if (errorCode(error) !== 'ND-RELEASE-UNKNOWN') throw error;
        return undefined;
      });
      lines.push(release === undefined ? leftAlone(stray) : await this.take(stray, release));
    }
    if (lines.length > 0) await this.save();
    return lines;
  }

  private async take(stray: InstanceRecord, release: Release): Promise<string> {
    const { id, pid = 0, identity = '', port } = stray;
    const said = `instance ${id} of release ${release.id} (process ${pid}) was not on record`;
    const taken = this.of(release.id).some(({ record }) => record.id === id) || (port !== 0 && this.ports().includes(port));
    if (taken || (stray.process === WEB && port === 0)) {
      await stopSession(pid, identity, release.spec.stopTimeout);
      return `${said} and ${taken ? 'another has its place' : 'its port cannot be told'}; it was ended`;
    }
    const instance = this.create(stray, release);
    if (await instance.adopt()) return `${said}; it was taken over`;
    this.instances.delete(instance);
    return `${said}; it has ended meanwhile`;
  }

  /** Both, where nobody waits. */
  async restore(): Promise<void> {
    await this.adopt();
    await this.revive();
  }

  /** Starts one more instance of a process and returns once its process exists. */
  async grow(release: Release, process: string): Promise<void> {
    const instance = await this.reserve(release, process);
    try {
      await instance.start();
    } catch (error) {
      this.instances.delete(instance);
      await this.save();
      throw error;
    }
    await this.save();
  }

  /** One after the other, so that no two get the same slot or port. */
  private reserve(release: Release, process: string): Promise<Instance> {
    const next = this.reserving.then(() => this.reserveNow(release, process));
    this.reserving = next.catch(() => undefined);
    return next;
  }

  private async reserveNow(release: Release, process: string): Promise<Instance> {
    if (this.leaving) throw new DeployError('ND-INTERRUPTED', { what: `no instance of ${release.id} was started: the agent leaves`, next: 'run status: it starts the agent again and shows what runs' });
    const slots = this.of(release.id).filter((instance) => instance.record.process === process).map((instance) => instance.record.slot);
    const slot = [...slots.keys(), slots.length].map((index) => index + 1).find((candidate) => !slots.includes(candidate)) ?? slots.length + 1;
    const port = process !== WEB ? 0 : release.spec.port === 0 ? await this.pickPort() : release.spec.port;
    return this.create({ id: `${process}.${slot}`, release: release.id, process, slot, port }, release);
  }

  /** Stops an instance that has left the traffic, and forgets it. */
  async stop(instance: Instance): Promise<void> {
    await instance.stop();
    this.instances.delete(instance);
    await this.save();
  }

  /** Leaves all processes running and stops watching them. Once this has resolved nothing is started, stopped or written any more. */
  async forsake(): Promise<void> {
    this.leaving = true;
    await Promise.all([...this.instances].map((instance) => instance.forsake()));
    this.forsaken = true;
    await this.saving;
  }

  ports(): readonly number[] {
    return this.all().map((instance) => instance.record.port);
  }

  private async pickPort(): Promise<number> {
    const taken = new Set([...this.options.takenPorts(), ...this.ports()]);
    return freePort(taken);
  }

  private create(record: InstanceRecord, release: Release): Instance {
    const name = join(this.logFolder, record.release, record.id);
    const instance = new Instance(record, {
      shim: this.options.shim,
      node: this.options.node,
      logFile: `${name}.log`,
      exitFile: `${name}.exit`,
      port: async (current) => (release.spec.port !== 0 || await isFree(current) ? current : this.pickPort()),
      order: (current) => this.options.order(release, current),
      stopTimeout: release.spec.stopTimeout,
      limits: release.spec.limits,
      watch: (self, signal) => (record.process === WEB ? watchWeb(self, release.spec.health, signal) : watchWorker(self, signal)),
      onChange: () => {
        void this.save();
        this.options.onChange();
      },
      keep: () => this.save(),
      onError: this.options.onError,
    });
    this.instances.add(instance);
    return instance;
  }

  /** One writer at a time; a later call writes what is true by then. */
  private save(): Promise<void> {
    if (this.forsaken) return this.saving;
    this.saving = this.saving.then(async () => {
      const instances = this.all().map((instance) => instance.record);
      await writeAtomically(this.file, JSON.stringify({ schema: STATE_SCHEMA, instances } satisfies InstancesFile));
    }).catch((error: unknown) => this.options.onError('the record of the instances could not be written', error));
    return this.saving;
  }
}

export function isInstancesFile(value: object): value is InstancesFile {
  return 'instances' in value && Array.isArray(value.instances) && value.instances.every(isInstanceRecord);
}

function isInstanceRecord(value: unknown): value is InstanceRecord {
  if (!isObject(value) || !hasText(value, ['id', 'release', 'process'])) return false;
  const { slot, port, pid, identity } = value;
  return isWhole(slot, 1) && isWhole(port) && (pid === undefined || isWhole(pid, 2)) && (identity === undefined || typeof identity === 'string');
}

/** The instances on record; a record that is gone is no sign that nothing runs, so then those that are found among the processes. Rejects when it cannot be read. */
export async function knownInstances(folder: string): Promise<readonly InstanceRecord[]> {
  return (await readState(join(folder, INSTANCES_FILE), isInstancesFile))?.instances ?? await findInstances(join(folder, 'logs'));
}

/** Ends the processes of a service that no supervisor has; returns how many there were. */
export async function endRecorded(folder: string): Promise<number> {
  const alive = await runningIn(folder);
  await Promise.all(alive.map((pid) => endSession(pid)));
  return alive.length;
}

/** Shims of the service in this folder that run: those on record, or where no record can be read those that are found among the processes. */
export async function runningIn(folder: string): Promise<readonly number[]> {
  const records = await knownInstances(folder).catch((error: unknown) => {
    if (error instanceof DeployError) return findInstances(join(folder, 'logs'));
    throw error;
  });
  const alive = await Promise.all(records.map(async ({ pid, identity }) => (
    pid !== undefined && identity !== undefined && await isAlive(pid, identity) ? [pid] : []
  )));
  return alive.flat();
}
