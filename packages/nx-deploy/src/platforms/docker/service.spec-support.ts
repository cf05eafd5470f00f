/** A service on an engine whose containers and router are what a spec says; what is stored lies in a folder. */
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import type { Release } from '../../model/index.js';
import { memoryLock, nodeFiles, stateStoreIn, STATE_SCHEMA, type StateFiles, type StatePath } from '../../releases/index.js';
import type { HaproxyRoute, RunningRoute } from '../../routers/haproxy/index.js';
import type { EngineClient } from '../../shell/engine/index.js';
import { CONTAINER_DEFAULTS } from './arguments.js';
import type { Container } from './containers.js';
import type { Forwards } from './forward.js';
import type { Images } from './images.js';
import type { Probe, ProbeResult } from './router-probe.js';
import type { RouterLook } from './router-order.js';
import { DockerService, type ServiceParts } from './service.js';
import type { DockerTarget } from './target.js';

export const KEY = { workspace: 'acme', environment: 'production', service: 'api' };
export const [OLD, NEW] = ['r0123456789ab', 'rba9876543210'] as const;
export const IMAGE = 'haproxy:lts';

export function release(id: string, more: { readonly config?: string; readonly drain?: number } = {}): Release {
  return {
    id, service: 'api', artifact: { type: 'image', digest: `sha256:${'a'.repeat(64)}`, config: `sha256:${'b'.repeat(64)}`, platform: 'linux/amd64', bytes: 1 },
    config: { digest: more.config ?? 'c', keys: {} },
    spec: {
      processes: { web: { command: [] } }, cwd: '.', port: 3_000, health: { path: '/health', timeout: 1_000, interval: 5, passes: 1 }, drain: more.drain ?? 0, stopTimeout: 1_000, limits: {}, container: CONTAINER_DEFAULTS,
    },
  };
}

export function instance(of: string, slot: number, more: Partial<Container> = {}): Container {
  const process = more.process ?? 'web';
  return {
    id: `${of}-${process}-${slot}`, name: `nx-deploy-instance-${of}-${process}-${slot}`, release: of, process, slot, address: `10.89.0.${slot + 1}`, port: 3_000, state: 'running', restarts: 0, exitCode: 0, pid: 1,
    startedAt: '2026-01-01T00:00:00Z', fault: undefined, ...more,
  };
}

export class ServiceWorld {
  containers: readonly Container[] = [];
  held = false;
  look: RouterLook = { state: 'running', image: IMAGE };
  route: HaproxyRoute | undefined;
  running: RunningRoute | undefined;
  /** Routes of other services. */
  others: readonly HaproxyRoute[] = [];
  answer: (probe: Probe) => ProbeResult = () => ({ status: 200 });
  /** What the router does instead of answering. */
  fault: (() => Error) | undefined;
  /** What was done, in order. */
  readonly done: string[] = [];
  readonly files: StateFiles;
  readonly key: StatePath;
  readonly service: DockerService;

  constructor(root: string, target: Partial<DockerTarget> = {}) {
    const all = nodeFiles(mkdtempSync(join(root, 'service-')));
    this.key = { files: all, path: 'target.key' };
    this.files = all.below('services/api');
    this.service = new DockerService(this.parts({
      key: KEY, owner: 'here', variables: {}, place: { program: 'docker', router: { image: IMAGE, network: 'host' } }, ...target,
    }));
  }

  private parts(target: DockerTarget): ServiceParts {
    const client: Partial<EngineClient> = { name: 'docker, context prod' };
    const forwards: Partial<Forwards> = { to: (address) => Promise.resolve(address) };
    const images: Partial<Images> = { exists: () => Promise.resolve(true), remove: (id) => this.note(`remove image ${id}`) };
    // As much of them as a service uses.
    return {
      target, client: client as EngineClient, forwards: forwards as Forwards, images: images as Images, engineHost: 'prod.example.com', files: this.files, state: stateStoreIn({ files: this.files, key: this.key, lock: memoryLock('api') }),
      containers: this.engine() as ServiceParts['containers'], router: this.router() as ServiceParts['router'],
    };
  }

  private note(text: string): Promise<void> {
    this.done.push(text);
    return Promise.resolve();
  }

  private engine(): Partial<ServiceParts['containers']> {
    const held = (): boolean => this.held;
    return {
      all: () => Promise.resolve(this.containers), get isHeld() { return held(); }, lastLines: ({ id }) => Promise.resolve([`last words of ${id}`]),
      remove: ({ id }) => { this.containers = this.containers.filter((container) => container.id !== id); return this.note(`remove ${id}`); },
    };
  }

  private router(): Partial<ServiceParts['router']> {
    const router: Partial<ServiceParts['router']['router']> = {
      see: () => (this.fault === undefined ? Promise.resolve({ route: this.route, running: this.running }) : Promise.reject(this.fault())),
      setOpenOrClosed: (route) => { this.route = route; return this.note('set'); },
      close: (_key, closing) => { const before = this.route; if (this.route !== undefined) this.route = { ...this.route, ...closing }; return Promise.resolve(before); },
      routes: () => Promise.resolve([...this.others, ...(this.route === undefined ? [] : [this.route])]),
      remove: (key) => { this.route = undefined; return this.note(`remove route ${key}`); },
      storeCertificate: () => { this.done.push('store certificate'); return Promise.resolve('name'); },
    };
    return {
      router: router as ServiceParts['router']['router'], look: () => Promise.resolve(this.look), probe: (probes) => Promise.resolve(probes.map((probe) => this.answer(probe))),
      upgrade: () => { this.done.push('upgrade'); return Promise.resolve([`the router runs ${IMAGE} now`]); },
    };
  }

  /** The service was deployed: its record has its owner, and the route where there is one. */
  async deployed(...releases: readonly Release[]): Promise<void> {
    await this.files.write('service.json', JSON.stringify({ schema: STATE_SCHEMA, key: KEY, owner: 'here', ...(this.route === undefined ? {} : { route: this.route }) }));
    for (const each of releases) await this.service.parts.state.releases.put(each);
  }
}

export function routeOf(weights: Readonly<Record<string, number>>, instances: readonly Container[], more: Partial<HaproxyRoute> = {}): HaproxyRoute {
  const targets = instances.map(({ release: of, process, slot, address = '', port }) => ({ id: `${of}/${process}.${slot}`, release: of, host: address, port }));
  return { key: 'api (production, acme)', listen: { address: '0.0.0.0', port: 8_080 }, weights, targets, drain: 0, ...more };
}
