/** The local platform: instances are processes of this machine, traffic goes through the embedded router. Lives in the agent. */
import { rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Instance } from '../../agent/instance.js';
import { lastLines, logSources, readLogs } from '../../agent/log-reader.js';
import { freePort, isFree } from '../../agent/ports.js';
import { DeployError } from '../../errors.js';
import { least, RELEASE_ID_PATTERN, WEB, type Ms, type Observed, type Processes, type ReleaseId } from '../../model/index.js';
import type { Listen } from '../../routers/router.js';
import type { Platform, Readiness } from '../platform.js';
import type { Steering } from './record.js';
import { settingsDrift, type Settings, type WantedListen } from './route.js';
import type { LocalService } from './service.js';
import { targetId } from './targets.js';

export type { WantedListen } from './route.js';

const READY_POLL: Ms = 25;
/** A release whose instance ends this often before it is ready will not get ready. */
const CRASHES_TO_GIVE_UP = 3;
const LOG_LINES = 12;
/** Of a release whose record is gone. */
const DRAIN_UNKNOWN: Ms = 30_000;

/** The router counts and has an address, so there are always metrics and settings. */
export type LocalPlatform = Platform & Required<Pick<Platform, 'metrics' | 'settings'>>;

export function localPlatform(service: LocalService, listen: WantedListen, steering: Steering = service.record.steering ?? {}): LocalPlatform {
  const { supervisor, host, state } = service;
  const weightsNow = (): Readonly<Record<ReleaseId, number>> => host.router.route(service.routeKey)?.weights ?? {};
  const wanted: Settings = { listen, steering };
  const { listen: listenBefore, steering: steeringBefore = {} } = service.record;
  return {
    name: 'local',
    can: ['overlap', 'split', 'many'],
    state,
    preflight: () => preflight(service, listen),
    list: () => Promise.resolve(observe(supervisor.all(), weightsNow(), service.record.warm ?? {})),
    drift: () => Promise.resolve(settingsDrift(service.record, wanted)),
    settings: () => Promise.resolve(service.record.listen === undefined ? {} : { listen: service.record.listen, steering: service.record.steering ?? {} }),
    async revert(to = { listen: listenBefore, steering: steeringBefore }) {
      const { listen: back, steering: steeringBack = {} } = to as { readonly listen?: Listen; readonly steering?: Steering };
      if (back === undefined || settingsDrift(service.record, { listen: back, steering: steeringBack }).length === 0) return;
      await service.setRoute({ listen: back, steering: steeringBack, weights: weightsNow() });
    },
    exists: (release) => isFolder(service.appFolder(release)),
    async stage(release) {
      // From here on there is something to find again.
      await service.update({});
      await state.releases.put(release);
      await host.materialise(release.artifact.digest, service.appFolder(release.id));
    },
    remove: (release) => remove(service, release),
    scale: (release, processes) => service.queue(release, () => scale(service, release, processes)),
    ready: (release, deadline) => ready(service, release, deadline),
    address: (release) => {
      const instance = supervisor.of(release).find((candidate) => candidate.record.process === WEB && candidate.state === 'ready');
      return Promise.resolve(instance === undefined ? undefined : { host: '127.0.0.1', port: instance.record.port });
    },
    async route(weights, arriving) {
      await service.setRoute({ listen: await resolveListen(service, listen), steering, weights, ...(arriving === undefined ? {} : { arriving }) });
    },
    keep: (until) => service.keep(until),
    url: () => Promise.resolve(urlOf(service.record.listen)),
    metrics: (release, window) => Promise.resolve(host.router.metrics(service.routeKey, release, window)),
    logs: (release, options) => readLogs(supervisor.logFolder, release, options),
  };
}

export function urlOf(listen: Listen | undefined): string | undefined {
  if (listen === undefined) return undefined;
  const everywhere = listen.address === '0.0.0.0' || listen.address === '::';
  const host = listen.host ?? (everywhere ? '127.0.0.1' : listen.address);
  return `http://${host.includes(':') ? `[${host}]` : host}:${listen.port}`;
}

function observe(instances: readonly Instance[], weights: Readonly<Record<ReleaseId, number>>, warm: Readonly<Record<ReleaseId, string>>): Observed {
  const routed = Object.keys(weights).filter((id) => (weights[id] ?? 0) > 0);
  const releases = new Set([...instances.map((instance) => instance.record.release), ...routed]);
  return Object.fromEntries([...releases].sort().map((id) => {
    const mine = instances.filter((instance) => instance.record.release === id);
    const names = [...new Set(mine.map((instance) => instance.record.process))];
    const processes = Object.fromEntries(names.map((name) => {
      const those = mine.filter((instance) => instance.record.process === name);
      const draining = those.filter((instance) => instance.state === 'draining').length;
      return [name, {
        running: those.length - draining,
        ready: those.filter((instance) => instance.state === 'ready' && instance.alive).length,
        draining,
      }];
    }));
    const crashes = mine.reduce((sum, instance) => sum + instance.crashes, 0);
    const until = mine.length === 0 ? undefined : warm[id];
    return [id, { processes, weight: weights[id] ?? 0, ...(until === undefined ? {} : { until }), ...(crashes === 0 ? {} : { crashes }) }];
  }));
}

async function resolveListen(service: LocalService, wanted: WantedListen): Promise<Listen> {
  const { port = service.record.listen?.port ?? await freePort(service.host.takenPorts()), ...rest } = wanted;
  return { ...rest, port };
}

/** A port that this agent itself listens on is shared by host name; the router refuses a clash of hosts. */
async function preflight(service: LocalService, wanted: WantedListen): Promise<void> {
  const port = wanted.port;
  if (port === undefined || service.host.listenPorts().has(port) || await isFree(port, wanted.address)) return;
  throw new DeployError('ND-PORT-TAKEN', {
    what: `port ${port} on ${wanted.address} is taken by another program`,
    where: 'deploy.json, key listen',
    next: 'stop that program or give the environment another port',
  });
}

async function scale(service: LocalService, id: ReleaseId, processes: Processes): Promise<void> {
  // To end instances nothing of it has to be known, so a record that is gone or damaged is no obstacle.
  const release = await service.state.releases.get(id).catch(() => undefined);
  const names = new Set([...Object.keys(processes), ...service.supervisor.of(id).map((instance) => instance.record.process)]);
  const surplus: Instance[] = [];
  for (const name of names) {
    const mine = service.supervisor.of(id).filter((instance) => instance.record.process === name && instance.state !== 'draining');
    const wanted = least(processes[name]);
    for (let missing = wanted - mine.length; missing > 0; missing -= 1) await service.supervisor.grow(await service.release(id), name);
    surplus.push(...worstFirst(mine).slice(0, Math.max(0, mine.length - wanted)));
  }
  await Promise.all(surplus.map((instance) => retire(service, instance, release?.spec.drain ?? DRAIN_UNKNOWN)));
}

function worstFirst(instances: readonly Instance[]): readonly Instance[] {
  const rank = (instance: Instance): number => (instance.state === 'ready' ? 1 : 0);
  return [...instances].sort((a, b) => rank(a) - rank(b) || b.record.slot - a.record.slot);
}

/** Out of the traffic, then in peace until the drain deadline, then SIGTERM: what is open by then the program itself may end in order. */
async function retire(service: LocalService, instance: Instance, drain: Ms): Promise<void> {
  const { router, predecessorGone } = service.host;
  instance.drain();
  await service.settled();
  const patience = predecessorGone === undefined ? undefined : Promise.race([predecessorGone, sleep(drain, undefined, { ref: false })]);
  await Promise.all([router.drained(service.routeKey, targetId(instance), drain), patience]);
  await service.supervisor.stop(instance);
  router.cut(service.routeKey, targetId(instance));
}

async function ready(service: LocalService, id: ReleaseId, deadline: Ms): Promise<Readiness> {
  const end = performance.now() + deadline;
  // Only what ends from now on counts: an instance may have crashed long ago and run well since.
  const before = new Map(service.supervisor.of(id).map((instance) => [instance, instance.state === 'ready' ? instance.crashes : 0]));
  for (;;) {
    const instances = service.supervisor.of(id).filter((instance) => instance.state !== 'draining');
    const lagging = instances.filter((instance) => instance.state !== 'ready');
    if (lagging.length === 0) return { ready: true };
    const hopeless = lagging.find((instance) => instance.crashes - (before.get(instance) ?? 0) >= CRASHES_TO_GIVE_UP);
    const worst = hopeless ?? (performance.now() >= end ? lagging[0] : undefined);
    if (worst !== undefined) return notReady(service, worst, hopeless === undefined ? deadline : undefined);
    await new Promise((resolve) => setTimeout(resolve, READY_POLL));
  }
}

async function notReady(service: LocalService, instance: Instance, waited: Ms | undefined): Promise<Readiness> {
  const how = waited === undefined ? `ended ${instance.crashes} times` : `was not ready within ${Math.round(waited / 100) / 10}s`;
  const { release, id } = instance.record;
  const [source] = await logSources(service.supervisor.logFolder, release, id);
  const logs = source === undefined ? [] : await lastLines(source, LOG_LINES);
  return { ready: false, reason: `instance ${id} ${how}: ${instance.reason}`, logs };
}

/** Two steps, so that a half-removed folder never counts as an artifact that exists. */
async function remove(service: LocalService, id: ReleaseId): Promise<void> {
  if (!RELEASE_ID_PATTERN.test(id)) return;
  const folder = service.appFolder(id);
  const doomed = `${folder}.removed-${process.pid}`;
  await rename(folder, doomed).catch(() => undefined);
  await rm(doomed, { recursive: true, force: true });
  await rm(join(service.supervisor.logFolder, id), { recursive: true, force: true });
  const release = await service.state.releases.get(id);
  await service.state.releases.remove(id);
  if (release === undefined) return;
  const others = await service.state.releases.list();
  if (others.every((other) => other.config.digest !== release.config.digest)) await service.state.config.remove(release.config);
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then((stats) => stats.isDirectory(), () => false);
}
