/** The health of a service: its components together, and whether it takes requests. */
import { performance } from 'node:perf_hooks';
import type { HealthStatus } from '../result.js';
import type { Component, ComponentState } from './component.js';
import { createRunner, type Runner } from './runner.js';

export interface ServiceFacts {
  readonly name?: string;
  readonly version?: string;
  /** Of a deploy: NX_DEPLOY_RELEASE, say. */
  readonly release?: string;
}

export interface HealthOptions extends ServiceFacts {
  /** By name, which stands in every document. */
  readonly components?: Readonly<Record<string, Component>>;
}

export interface HealthReport {
  readonly status: HealthStatus;
  /** Goes to those who ask for it after {@link Health.drain}. */
  readonly draining: boolean;
  readonly components: Readonly<Record<string, ComponentState>>;
  /** ms since the start of the process. */
  readonly uptimeMs: number;
}

export interface Health {
  readonly facts: ServiceFacts;
  readonly groups: ReadonlySet<string>;
  /** Asks what was not asked lately. `group`: only components of it. Never rejects. */
  report(group?: string): Promise<HealthReport>;
  /** Undefined where a component has no result that is young enough. */
  known(group?: string): HealthReport | undefined;
  /** Takes requests: not draining, and no component stands in the way. */
  ready(): Promise<boolean>;
  readonly draining: boolean;
  /** From now on the service takes no new requests, and says so. There is no way back. */
  drain(): void;
  /** Aborts the checks under way; for the end of a process or a test. */
  close(): void;
}

/** @throws RangeError for a component's numbers, or names, that can never work */
export function createHealth({ components = {}, ...facts }: HealthOptions = {}): Health {
  const runners = Object.entries(components).map(([name, component]) => createRunner(checked(name), component));
  const groups = new Set(runners.flatMap(({ component }) => component.groups ?? []).map(checked));
  let draining = false;
  const chosen = (group: string | undefined): readonly Runner[] => (group === undefined ? runners : runners.filter(({ component }) => component.groups?.includes(group)));
  const reportOf = (states: readonly (readonly [string, ComponentState])[]): HealthReport =>
    ({ status: worst(states.map(([, state]) => state)), draining, components: Object.fromEntries(states), uptimeMs: Math.round(performance.now()) });
  return {
    facts, groups,
    report: async (group) => reportOf(await Promise.all(chosen(group).map(async (runner) => [runner.name, await runner.state()] as const))),
    known: (group) => {
      const states: (readonly [string, ComponentState])[] = [];
      for (const runner of chosen(group)) {
        const state = runner.known();
        if (state === undefined) return undefined;
        states.push([runner.name, state]);
      }
      return reportOf(states);
    },
    ready: async () => {
      if (draining) return false;
      const needed = runners.filter(({ component }) => !(component.ready ?? component.critical === false));
      const states = await Promise.all(needed.map((runner) => runner.state()));
      return !draining && states.every(({ status }) => status !== 'unhealthy');
    },
    get draining() { return draining; },
    drain: () => { draining = true; },
    close: () => runners.forEach((runner) => runner.stop()),
  };
}

/** A critical one decides; of the others the worst that can come is degraded. */
function worst(states: readonly ComponentState[]): HealthStatus {
  if (states.some(({ status, critical }) => critical && status === 'unhealthy')) return 'unhealthy';
  return states.some(({ status }) => status !== 'healthy') ? 'degraded' : 'healthy';
}

/** Names stand in addresses, in documents and in metrics. */
function checked(name: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/.test(name)) return name;
  throw new RangeError(`${JSON.stringify(name)} is no name of a component or group: letters, digits, "_", "." and "-", up to 63`);
}
