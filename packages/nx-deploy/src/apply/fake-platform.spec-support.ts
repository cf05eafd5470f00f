/** A platform in memory that records its calls and can be told to fail, to hang and to lie. For tests only. */
import { DeployError } from '../errors.js';
import { least, NO_METRICS, WEB, type Ability, type Desired, type Metrics, type Observed, type ObservedProcess, type Processes, type Release, type ReleaseId } from '../model/index.js';
import type { Address, Platform, Readiness } from '../platforms/platform.js';
import type { StateStore } from '../releases/state-store.js';

interface FakeRelease {
  processes: Record<string, ObservedProcess>;
  weight: number;
  until?: string;
}

/** before: nothing happened. after: it happened, and the answer was lost. hang: it never returns. */
export type FaultKind = 'before' | 'after' | 'hang';

export interface Fault {
  /** Counts every call, from 0. */
  readonly at: number;
  readonly kind: FaultKind;
  /** Every later call fails too. */
  readonly forever?: boolean;
}

export class FakePlatform implements Platform {
  readonly name = 'fake';
  readonly calls: string[] = [];
  can: readonly Ability[] = ['overlap', 'split', 'many'];
  fault: Fault | undefined;
  /** Releases whose new instances never get ready. */
  readonly broken = new Set<ReleaseId>();
  /** Releases that scale() leaves alone although it resolves. */
  readonly stuck = new Set<ReleaseId>();
  readonly staged = new Set<ReleaseId>();
  /** Told by metrics(). */
  readonly counted = new Map<ReleaseId, Metrics>();
  drifted: string[] = [];
  endpoint: Address | undefined;
  /** Ready web instances of the releases with traffic were missing while another release had some. */
  readonly stranded: string[] = [];
  /** Before every call. */
  watch: (call: string) => void = () => undefined;
  private readonly fleet = new Map<ReleaseId, FakeRelease>();

  constructor(initial: Desired = {}, unready: readonly ReleaseId[] = []) {
    for (const [id, { processes, weight, until }] of Object.entries(initial)) {
      const counts = Object.entries(processes).map(([name, scale]) => {
        const running = least(scale);
        return [name, { running, ready: unready.includes(id) ? 0 : running, draining: 0 }] as const;
      });
      this.fleet.set(id, { processes: Object.fromEntries(counts), weight, ...(until === undefined ? {} : { until }) });
      this.staged.add(id);
    }
    for (const id of unready) this.broken.add(id);
  }

  get state(): StateStore {
    throw new Error('the walker keeps no state');
  }

  observed(): Observed {
    return structuredClone(Object.fromEntries(this.fleet));
  }

  /** The calls that change something. */
  changes(): readonly string[] {
    return this.calls.filter((call) => /^(stage|scale|route|keep|native)/.test(call));
  }

  preflight(): Promise<void> {
    return this.call('preflight', () => undefined);
  }

  list(): Promise<Observed> {
    return this.call('list', () => this.observed());
  }

  drift(): Promise<readonly string[]> {
    return this.call('drift', () => this.drifted);
  }

  revert(): Promise<void> {
    return this.call('revert', () => undefined);
  }

  exists(id: ReleaseId): Promise<boolean> {
    return this.call(`exists ${id}`, () => this.staged.has(id));
  }

  stage({ id }: Release): Promise<void> {
    return this.call(`stage ${id}`, () => { this.staged.add(id); });
  }

  remove(id: ReleaseId): Promise<void> {
    return this.call(`remove ${id}`, () => { this.staged.delete(id); });
  }

  scale(id: ReleaseId, processes: Processes): Promise<void> {
    const wanted = Object.keys(processes).sort().map((name) => `${name}=${least(processes[name])}`);
    return this.call(`scale ${id} ${wanted.join(' ')}`, () => {
      if (this.stuck.has(id)) return;
      const release = this.fleet.get(id) ?? { processes: {}, weight: 0 };
      for (const [name, scale] of Object.entries(processes)) {
        const before = release.processes[name] ?? { running: 0, ready: 0, draining: 0 };
        const running = 'fixed' in scale ? scale.fixed : Math.min(scale.max, Math.max(scale.min, before.running));
        if (running > before.running && !this.staged.has(id)) throw new Error(`${id} is not staged`);
        release.processes[name] = { running, ready: Math.min(before.ready, running), draining: 0 };
      }
      const gone = Object.values(release.processes).every(({ running }) => running === 0);
      if (gone && release.weight === 0) this.fleet.delete(id);
      else this.fleet.set(id, release);
    });
  }

  ready(id: ReleaseId): Promise<Readiness> {
    return this.call(`ready ${id}`, (): Readiness => {
      if (this.broken.has(id)) return { ready: false, reason: 'GET /health answered 503', logs: ['starting', 'caf\u00e9 closed'] };
      for (const [name, counts] of Object.entries(this.fleet.get(id)?.processes ?? {})) this.fleet.get(id)!.processes[name] = { ...counts, ready: counts.running };
      return { ready: true };
    });
  }

  address(id: ReleaseId): Promise<Address | undefined> {
    return this.call(`address ${id}`, () => this.endpoint);
  }

  route(weights: Readonly<Record<ReleaseId, number>>): Promise<void> {
    const text = Object.keys(weights).sort().map((id) => `${id}=${weights[id] ?? 0}`).join(' ');
    return this.call(`route ${text}`, () => {
      this.drifted = [];
      for (const [id, weight] of Object.entries(weights)) {
        const release = this.fleet.get(id) ?? { processes: {}, weight: 0 };
        this.fleet.set(id, { ...release, weight });
        if (weight === 0 && Object.values(release.processes).every(({ running }) => running === 0)) this.fleet.delete(id);
      }
    });
  }

  keep(until: Readonly<Record<ReleaseId, string>>): Promise<void> {
    const text = Object.keys(until).sort().map((id) => `${id}=${until[id] ?? ''}`).join(' ');
    return this.call(`keep ${text}`.trim(), () => {
      for (const [id, { until: _until, ...rest }] of this.fleet) this.fleet.set(id, { ...rest, ...(until[id] === undefined ? {} : { until: until[id] }) });
    });
  }

  metrics(id: ReleaseId): Promise<Metrics> {
    return this.call(`metrics ${id}`, () => this.counted.get(id) ?? NO_METRICS);
  }

  native?: NonNullable<Platform['native']>;

  url(): Promise<string | undefined> {
    return Promise.resolve(undefined);
  }

  async *logs(): AsyncGenerator<never> {
    // Nothing was written.
  }

  private async call<T>(name: string, effect: () => T): Promise<T> {
    const index = this.calls.push(name) - 1;
    this.watch(name);
    const fault = this.fault;
    const hit = fault !== undefined && (index === fault.at || (fault.forever === true && index > fault.at)) ? fault.kind : undefined;
    if (hit === 'hang') return new Promise<T>(() => undefined);
    if (hit === 'before') throw new DeployError('ND-AGENT-FAILED', { what: `${name} failed` });
    const result = effect();
    this.lookForStranded(name);
    if (hit === 'after') throw new DeployError('ND-AGENT-FAILED', { what: `${name} was done and its answer lost` });
    return result;
  }

  private lookForStranded(call: string): void {
    const able = (id: ReleaseId) => (this.fleet.get(id)?.processes[WEB]?.ready ?? 0) > 0;
    const ids = [...this.fleet.keys()];
    if (!ids.some(able)) return;
    const bad = ids.filter((id) => (this.fleet.get(id)?.weight ?? 0) > 0 && !able(id));
    if (bad.length > 0) this.stranded.push(`${call}: ${bad.join(' ')}`);
  }
}

/** A release record with this id; what it holds does not matter to the walker. */
export function releaseNamed(id: ReleaseId): Release {
  return {
    id,
    service: 'api',
    artifact: { type: 'files', digest: 'sha256:0', files: 1, bytes: 1 },
    config: { digest: 'd', keys: {} },
    spec: {
      processes: { web: { command: ['node', 'main.js'] } }, cwd: '.', port: 0,
      health: { path: '/health', timeout: 5_000, interval: 100, passes: 2 }, drain: 1_000, stopTimeout: 1_000, limits: {},
    },
  };
}

/** `fleet({ rA: [3, 75], rB: [1, 25] })`: web instances and weight; a third entry counts workers. */
export function fleet(releases: Readonly<Record<ReleaseId, readonly [web: number, weight: number, workers?: number]>>): Desired {
  return Object.fromEntries(Object.entries(releases).map(([id, [web, weight, workers]]) => [id, {
    processes: { web: { fixed: web }, ...(workers === undefined ? {} : { worker: { fixed: workers } }) },
    weight,
  }]));
}

/** Figures of requests all of which were answered: half of them within p50, 5 of 100 within p95, the others within p99. */
export function counted(requests: number, errors: number, latency: Metrics['latency'] = { p50: 5, p95: 10, p99: 20 }): Metrics {
  const slow = Math.ceil(requests * 0.05);
  const half = Math.floor(requests / 2);
  const { p50, p95, p99 } = latency;
  return { requests, errors, ejected: 0, latency, times: [[p50, p50 * 1.09, half], [p95, p95 * 1.09, requests - half - slow], [p99, p99 * 1.09, slow]] };
}
