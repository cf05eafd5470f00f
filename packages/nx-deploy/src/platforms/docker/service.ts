/** One service in one environment on one engine: its containers, its route, and what is kept of it. */
import { DeployError, errorCode } from '../../errors.js';
import { WEB, type Ms, type Release, type ReleaseId } from '../../model/index.js';
import { STATE_SCHEMA, type StateFiles, type StateStore } from '../../releases/index.js';
import type { HaproxyRoute, RunningRoute } from '../../routers/haproxy/index.js';
import type { Target } from '../../routers/router.js';
import { routeKey } from '../../routers/service-names.js';
import type { EngineClient } from '../../shell/engine/index.js';
import { isUp, type Container, type Containers } from './containers.js';
import type { Forwards } from './forward.js';
import type { Images } from './images.js';
import { readAddresses, type Addresses } from './network.js';
import { faultOf } from './readiness.js';
import { assertOwner, readRecord, writeRecord, type ServiceRecord } from './record.js';
import type { RouterContainer } from './router-container.js';
import { settingsOf, steered, type RouteSettings } from './settings.js';
import type { DockerTarget } from './target.js';
import { asTarget, targetId } from './targets.js';

export interface ServiceParts {
  readonly target: DockerTarget;
  readonly client: EngineClient;
  readonly containers: Containers;
  readonly images: Images;
  readonly router: RouterContainer;
  readonly forwards: Forwards;
  /** Name or address of the engine's machine, as this one reaches it. */
  readonly engineHost: string;
  readonly state: StateStore;
  /** Of this service's folder. */
  readonly files: StateFiles;
}

/** What is seen in one look. */
export interface Sight {
  readonly containers: readonly Container[];
  /** Undefined where the router has none, or does not run. */
  readonly route: HaproxyRoute | undefined;
  readonly running: RunningRoute | undefined;
  /** Ids of the containers that answer their check, or, without one, run. */
  readonly healthy: ReadonlySet<string>;
}

/** Of a look: an instance that hangs must not hold it up for long. */
const LOOK_TIMEOUT: Ms = 1_000;
/** One slow answer is nothing yet. */
const LOOKS = 3;
const RECENT: Ms = 1_000;
const GLANCE: Ms = 400;

export class DockerService {
  private record: ServiceRecord | undefined;
  private readonly records = new Map<ReleaseId, Release>();
  private routing: Promise<unknown> = Promise.resolve();
  private addressing: Promise<Addresses> | undefined;
  private seen: { readonly at: Ms; readonly sight: Sight } | undefined;
  private inForce: { readonly route: HaproxyRoute | undefined } | undefined;
  /** On their way out: out of the route, and about to be stopped. */
  readonly draining = new Set<string>();

  constructor(readonly parts: ServiceParts) {}

  get routeKey(): string {
    return routeKey(this.parts.target.key);
  }

  /** The record as it is now; somebody else's is refused. */
  async owned(): Promise<ServiceRecord | undefined> {
    this.record = await readRecord(this.parts.files);
    assertOwner(this.record, this.parts.target, this.parts.client.name);
    return this.record;
  }

  /** Was it reached by its public once, as far as its record was read? Then its ledger has entries. */
  get isKnown(): boolean {
    return this.record?.route !== undefined;
  }

  async update(change: Partial<Pick<ServiceRecord, 'route' | 'warm'>>): Promise<void> {
    if (Object.keys(change).length === 0 && this.record !== undefined) return;
    const { key, owner } = this.parts.target;
    const next = { ...this.record ?? await this.owned() ?? { schema: STATE_SCHEMA, key, owner }, ...change };
    await writeRecord(this.parts.files, next);
    this.record = next;
  }

  /** Forgets the route and what is warm; who owns the service stays. */
  async forget(): Promise<void> {
    this.begin();
    const { key, owner } = this.parts.target;
    this.record = { schema: STATE_SCHEMA, key, owner };
    await writeRecord(this.parts.files, this.record);
  }

  async release(id: ReleaseId): Promise<Release> {
    const release = await this.known(id);
    if (release !== undefined) return release;
    throw new DeployError('ND-RELEASE-UNKNOWN', { what: `release ${id} is not known there`, where: this.parts.files.where('releases'), next: 'status lists the known ones' });
  }

  /** A record of a release never changes. */
  async known(id: ReleaseId): Promise<Release | undefined> {
    const release = this.records.get(id) ?? await this.parts.state.releases.get(id);
    if (release !== undefined) this.records.set(id, release);
    return release;
  }

  async look(): Promise<Sight> {
    const at = performance.now();
    const routed = this.traffic();
    routed.catch(() => undefined);
    const containers = await this.parts.containers.all();
    // Whoever holds the lock has started the router: the instances are asked while it tells.
    const asked = this.parts.containers.isHeld ? this.healthy(containers) : undefined;
    asked?.catch(() => undefined);
    const { up, ...seen } = await routed;
    // Without a router nobody can be asked: what the engine says is all there is to know.
    const healthy = up ? await (asked ?? this.healthy(containers)) : new Set(containers.filter(({ state }) => state === 'running').map(({ id }) => id));
    const sight = { containers, ...seen, healthy };
    this.seen = { at, sight };
    if (up) this.inForce = { route: seen.route };
    return sight;
  }

  /** The last look, where nothing was done since and it is young: a change looks before each thing that it does, and what it does then relies on that. */
  private async recent(within = RECENT): Promise<Sight> {
    return this.seen !== undefined && performance.now() - this.seen.at < within ? this.seen.sight : this.look();
  }

  /** What there is, for whoever lists it. As long as the lock is held nobody else changes it, and an instance that has ended by itself is seen a moment later. */
  glance(): Promise<Sight> {
    return this.parts.containers.isHeld ? this.recent(GLANCE) : this.look();
  }

  /** Whatever was seen is old from here on. */
  stale(): void {
    this.seen = undefined;
  }

  /** The lock was taken: others may have changed what was known. */
  begin(): void {
    this.stale();
    this.inForce = undefined;
  }

  /** How the service is reached. As long as the lock is held nobody else sets that, so that it need not be asked for again. */
  async reached(): Promise<HaproxyRoute | undefined> {
    if (this.parts.containers.isHeld && this.inForce !== undefined) return this.inForce.route;
    return (await this.traffic()).route;
  }

  /** What the router says; nothing where it does not run. Whoever holds the lock has started it. */
  async traffic(): Promise<Pick<Sight, 'route' | 'running'> & { readonly up: boolean }> {
    const { router, containers } = this.parts;
    const down = { up: false, route: undefined, running: undefined };
    if (!containers.isHeld && !await this.routerRuns()) return down;
    try {
      return { up: true, ...await router.router.see(this.routeKey) };
    } catch (error) {
      if (!await this.routerRuns()) return down;
      throw error;
    }
  }

  private async routerRuns(): Promise<boolean> {
    const { state, foreign } = await this.parts.router.look();
    return state === 'running' && foreign !== true;
  }

  /** Asked for once. An address that was given back since is the last to be given again, and one that somebody else took since is refused by the engine, whereupon the next is tried. */
  addresses(): Promise<Addresses> {
    this.addressing ??= readAddresses(this.parts.client);
    return this.addressing;
  }

  private async healthy(containers: readonly Container[]): Promise<ReadonlySet<string>> {
    const up = containers.filter((container) => container.state === 'running');
    const healthy = new Set(up.filter(({ process }) => process !== WEB).map(({ id }) => id));
    let asked = up.filter(({ process, id }) => process === WEB && !this.draining.has(id));
    for (let looks = 0; looks < LOOKS && asked.length > 0; looks += 1) {
      const paths = await Promise.all(asked.map(async ({ release }) => (await this.known(release).catch(() => undefined))?.spec.health.path));
      const answers = await this.parts.router.probe(asked.map(({ address = '', port }, index) => ({ host: address, port, path: paths[index] ?? '/', timeout: LOOK_TIMEOUT })));
      // Of a release whose record is gone nobody knows the check: whatever it answers shows that it lives.
      const passed = asked.filter((_, index) => {
        const answer = answers[index];
        return paths[index] === undefined ? answer !== undefined && 'status' in answer : faultOf(answer, paths[index]) === undefined;
      });
      for (const { id } of passed) healthy.add(id);
      asked = asked.filter(({ id }) => !healthy.has(id));
    }
    return healthy;
  }

  /**
   * Puts a route in force, and remembers it. Targets are all healthy instances that nobody is about to stop; where a release has none, those that are in the route already
   * get the traffic rather than nobody.
   */
  async setRoute(change: { readonly weights?: Readonly<Record<ReleaseId, number>>; readonly settings?: RouteSettings; readonly arriving?: ReleaseId }): Promise<void> {
    await this.serially(async () => {
      const { containers, route: now, healthy } = await this.recent();
      const settings = change.settings ?? (now === undefined ? undefined : settingsOf(now));
      if (settings === undefined) throw new DeployError('ND-INTERNAL', { what: `${this.routeKey} has no route that could be changed` });
      const arriving = 'weights' in change ? change.arriving : now?.testers?.arriving;
      const route: HaproxyRoute = {
        key: this.routeKey, listen: settings.listen, weights: change.weights ?? now?.weights ?? {}, targets: this.targets(containers, healthy, now),
        drain: await this.longestDrain(containers), ...steered(this.parts.target.key, settings.steering, arriving),
      };
      await this.put(route);
    });
  }

  /** Takes targets out of the route; nothing else of it changes. */
  async withdraw(leaving: ReadonlySet<string>): Promise<void> {
    await this.serially(async () => {
      const route = await this.reached();
      if (route?.targets.some(({ id }) => leaving.has(id)) === true) await this.put({ ...route, targets: route.targets.filter(({ id }) => !leaving.has(id)) });
    });
  }

  private async put(route: HaproxyRoute): Promise<void> {
    this.begin();
    await this.parts.router.router.setOpenOrClosed(route);
    this.inForce = { route };
    // The traffic has moved, and that is what a restore is for: a full disk keeps only its record, which the next change writes.
    await this.update({ route }).catch((error: unknown) => {
      if (errorCode(error) !== 'ND-DISK-FULL') throw error;
    });
  }

  private targets(containers: readonly Container[], healthy: ReadonlySet<string>, now: HaproxyRoute | undefined): readonly Target[] {
    const web = containers.filter((container) => container.process === WEB && isUp(container) && container.address !== undefined && !this.draining.has(container.id));
    const routed = new Set(now?.targets.map(({ id }) => id));
    return [...new Set(web.map(({ release }) => release))].flatMap((release) => {
      const mine = web.filter((container) => container.release === release);
      const ready = mine.filter(({ id }) => healthy.has(id));
      return (ready.length > 0 ? ready : mine.filter((container) => routed.has(targetId(container)))).map(asTarget);
    });
  }

  private async longestDrain(containers: readonly Container[]): Promise<Ms> {
    const releases = await Promise.all([...new Set(containers.map(({ release }) => release))].map((id) => this.known(id).catch(() => undefined)));
    return Math.max(0, ...releases.map((release) => release?.spec.drain ?? 0));
  }

  private serially<T>(work: () => Promise<T>): Promise<T> {
    const done = this.routing.then(work);
    this.routing = done.catch(() => undefined);
    return done;
  }
}
