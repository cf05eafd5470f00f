/** The docker platform: instances are containers on one engine, traffic goes through the HAProxy that all services there share. */
import { DeployError } from '../../errors.js';
import { WEB, type Observed, type ReleaseId } from '../../model/index.js';
import type { HaproxyRoute } from '../../routers/haproxy/index.js';
import type { Platform } from '../platform.js';
import { isUp, type Container } from './containers.js';
import { scale } from './instances.js';
import { readLogs } from './logs.js';
import { runOnce } from './once.js';
import { pickPort } from './ports.js';
import { awaitReady } from './readiness.js';
import type { DockerService, Sight } from './service.js';
import { targetId } from './targets.js';
import { asPlatformSettings, fromPlatformSettings, settingsDrift, settingsOf, urlOf, wantedSettings, type RouteSettings } from './settings.js';
import { redactor } from '../../shell/redactor.js';

const LOG_LINES = 12;

/** The router counts and has an address, so there are always metrics and settings. */
export type DockerPlatform = Platform & Required<Pick<Platform, 'metrics' | 'settings'>>;

export function dockerPlatform(service: DockerService): DockerPlatform {
  const { parts } = service;
  const { state, images, containers, router, target } = parts;
  const wanted = wantedSettings(target);
  const inForce = async (): Promise<RouteSettings | undefined> => {
    const route = await service.reached();
    return route === undefined ? undefined : settingsOf(route);
  };
  let before: Promise<RouteSettings | undefined> | undefined;
  const remember = (): Promise<RouteSettings | undefined> => (before ??= inForce());
  return {
    name: 'docker',
    can: ['overlap', 'split', 'many'],
    state,
    preflight: async () => { await remember(); },
    list: async () => observe(await service.glance(), service.draining, (await service.owned())?.warm ?? {}),
    drift: async () => (wanted === undefined ? [] : settingsDrift(await inForce(), wanted)),
    settings: async () => asPlatformSettings(await remember()),
    async revert(to) {
      const back = to === undefined ? await remember() : fromPlatformSettings(to);
      const now = await inForce();
      if (back === undefined || now === undefined || settingsDrift(now, back).length === 0) return;
      await service.setRoute({ settings: back });
    },
    exists: (release) => images.exists(release),
    async stage(release) {
      // From here on there is something to find again.
      await service.update({});
      await state.releases.put(release);
      await images.stage(release);
    },
    remove: (release) => remove(service, release),
    scale: (release, processes) => scale(service, release, processes),
    ready: (release, deadline) => ready(service, release, deadline),
    async address(release) {
      const { healthy, containers: all } = await service.look();
      const found = all.find((container) => container.release === release && container.process === WEB && healthy.has(container.id));
      return found?.address === undefined ? undefined : parts.forwards.to({ host: found.address, port: found.port });
    },
    route: (weights, arriving) => route(service, wanted, weights, arriving),
    keep: (warm) => service.update({ warm }),
    async url() {
      const now = await service.reached();
      return now === undefined ? undefined : urlOf(now.listen, parts.engineHost);
    },
    metrics: (release, window) => router.router.metrics(service.routeKey, release, window),
    runOnce: (release, order) => runOnce(service, { release, ...order }),
    logs: (release, options) => readLogs({
      client: parts.client,
      look: async () => (await containers.all()).filter((container) => release === undefined || container.release === release),
      redactor: (id) => secretsOf(service, id),
    }, options),
  };
}

function observe({ containers, route, running, healthy }: Sight, draining: ReadonlySet<string>, warm: Readonly<Record<ReleaseId, string>>): Observed {
  const weights = weightsOf(route, running);
  const up = containers.filter(isUp);
  const routed = new Set(route?.targets.map(({ id }) => id));
  const releases = new Set([...up.map(({ release }) => release), ...Object.keys(weights).filter((id) => (weights[id] ?? 0) > 0)]);
  return Object.fromEntries([...releases].sort().map((id) => {
    const mine = up.filter(({ release }) => release === id);
    const weight = weights[id] ?? 0;
    // One that answers and is not in the traffic of its release has still to get there.
    const isReady = (container: Container): boolean => healthy.has(container.id) && (container.process !== WEB || weight === 0 || routed.has(targetId(container)));
    const processes = Object.fromEntries([...new Set(mine.map(({ process }) => process))].map((name) => {
      const those = mine.filter(({ process }) => process === name);
      const leaving = those.filter((container) => draining.has(container.id)).length;
      return [name, { running: those.length - leaving, ready: those.filter((container) => !draining.has(container.id) && isReady(container)).length, draining: leaving }];
    }));
    const crashes = mine.reduce((sum, { restarts }) => sum + restarts, 0);
    const until = mine.length === 0 ? undefined : warm[id];
    return [id, { processes, weight, ...(until === undefined ? {} : { until }), ...(crashes === 0 ? {} : { crashes }) }];
  }));
}

/** The shares that were asked for, where the servers' weights are these to within their steps; else those that the servers have. */
function weightsOf(route: Sight['route'], running: Sight['running']): Readonly<Record<ReleaseId, number>> {
  if (route === undefined || running === undefined) return {};
  if (running.servers.length === 0) return route.weights;
  const ids = [...new Set([...Object.keys(route.weights), ...Object.keys(running.weights)])];
  const near = ids.every((id) => Math.abs((running.weights[id] ?? 0) - (route.weights[id] ?? 0)) < 1);
  return near ? route.weights : Object.fromEntries(ids.map((id) => [id, Math.round(running.weights[id] ?? 0)]));
}

async function route(service: DockerService, wanted: ReturnType<typeof wantedSettings>, weights: Readonly<Record<ReleaseId, number>>, arriving: ReleaseId | undefined): Promise<void> {
  const { router, target } = service.parts;
  const now = await service.reached();
  const change = { weights, ...(arriving === undefined ? {} : { arriving }) };
  if (wanted === undefined) {
    if (now === undefined) throw new DeployError('ND-NOT-DEPLOYED', { what: `${service.routeKey} has no address there`, where: service.parts.client.name, next: 'deploy it: deploy.json says where it listens' });
    await service.setRoute(change);
    return;
  }
  for (const pem of target.listen?.certificates ?? []) await router.router.storeCertificate(pem);
  const { port = now?.listen.port, ...listen } = wanted.listen;
  const { steering } = wanted;
  if (port !== undefined) await service.setRoute({ ...change, settings: { listen: { ...listen, port }, steering } });
  else await pickPort(await router.router.routes(), (free) => service.setRoute({ ...change, settings: { listen: { ...listen, port: free }, steering } }));
}

async function ready(service: DockerService, id: ReleaseId, deadline: number): ReturnType<Platform['ready']> {
  const { containers, router } = service.parts;
  const { spec } = await service.release(id);
  service.stale();
  const readiness = await awaitReady({
    health: spec.health, deadline,
    look: async () => (await containers.all()).filter((container) => container.release === id && isUpOrEnded(container) && !service.draining.has(container.id)),
    probe: (requests) => router.probe(requests),
    lastLines: async (container) => {
      const { replace } = await secretsOf(service, id);
      return (await containers.lastLines(container, LOG_LINES)).map(replace);
    },
  });
  if (!readiness.ready) return readiness;
  // Those that were not in its traffic get there. One that has none gets it all at once, with its share.
  const { containers: all, route: now } = await service.look();
  if (now === undefined || !isServed(now, id)) return readiness;
  const routed = new Set(now.targets.map((target) => target.id));
  if (all.some((container) => container.release === id && container.process === WEB && isUp(container) && !routed.has(targetId(container)))) await service.setRoute({});
  return readiness;
}

function isServed({ weights, targets, testers }: HaproxyRoute, id: ReleaseId): boolean {
  return (weights[id] ?? 0) > 0 || testers?.arriving === id || targets.some(({ release }) => release === id);
}

/** One that has ended for good is no longer about to get ready, and that is to be told. */
function isUpOrEnded(container: Container): boolean {
  return isUp(container) || container.state === 'exited' || container.state === 'dead';
}

async function secretsOf(service: DockerService, id: ReleaseId): Promise<ReturnType<typeof redactor>> {
  const release = await service.known(id).catch(() => undefined);
  if (release === undefined) return redactor();
  const { values, secrets } = await service.parts.state.config.open(release.config);
  return redactor(Object.fromEntries(secrets.flatMap((name) => (values[name] === undefined ? [] : [[name, values[name]]]))));
}

async function remove(service: DockerService, id: ReleaseId): Promise<void> {
  const { images, state } = service.parts;
  const release = await service.known(id);
  await images.remove(id);
  await state.releases.remove(id);
  if (release === undefined) return;
  const others = await state.releases.list();
  if (others.every(({ config }) => config.digest !== release.config.digest)) await state.config.remove(release.config);
}
