/** What is looked at in every fault test: traffic, processes, time. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { startLoad } from '../../../../../../tools/load/launch.js';
import { inTurn, SEED, SOAK } from '../../../../../../tools/testing/sample.js';
import type { StrategyOptions } from '../../../config/resolved.js';
import type { ServiceStatus } from '../../../control/protocol.js';
import type { Ms } from '../../../model/index.js';
import type { FaultOptions, FaultOrder, FaultPlace, FaultService, FaultSubject, Foreign } from './harness.js';

export { SEED, SOAK };

export type Strategy = StrategyOptions['type'];
export const EVERY_STRATEGY: readonly Strategy[] = ['rolling', 'recreate', 'blue-green', 'canary'];
/** Of a normal run, where a test for each would take too long. */
export const STRATEGIES = SOAK ? EVERY_STRATEGY : EVERY_STRATEGY.slice(0, 2);

/** Rows of a table of tests, each with the strategies that it is tried with: all of them in a soak, else one for each row in turn, from that which the seed picks. */
export function withStrategies<T extends readonly unknown[]>(rows: readonly T[]): readonly (readonly [Strategy, ...T])[] {
  return rows.flatMap((row, index) => (SOAK ? EVERY_STRATEGY : [inTurn(EVERY_STRATEGY, index, SEED)]).map((strategy) => [strategy, ...row] as const));
}

/** None keeps anything warm, so that each ends with one release. */
const OPTIONS: { readonly [T in Strategy]: StrategyOptions } = {
  rolling: { type: 'rolling', batch: 50 },
  recreate: { type: 'recreate' },
  'blue-green': { type: 'blue-green', smoke: [{ path: '/health', status: 200 }], soak: 0, keepWarm: 0 },
  canary: { type: 'canary', steps: [{ weight: 25, soak: 50 }, { weight: 50, soak: 50 }], smoke: [{ path: '/health', status: 200 }], soak: 0, keepWarm: 0, sticky: false },
};

export function optionsOf(strategy: Strategy): StrategyOptions {
  return OPTIONS[strategy];
}

export function steady(strategy: Strategy, version: string, more: Partial<FaultOrder> = {}): FaultOrder {
  return { fixture: 'steady', version, instances: 2, strategy: optionsOf(strategy), drain: 10_000, stopTimeout: 2_000, health: { interval: 30, passes: 1 }, ...more };
}

const RATE = 60;
/** What every fixture answers. */
const MIX = { get: 60, fresh: 40 };
const PROBE_EVERY: Ms = 20;
/** An address that is open and does not answer is no traffic. */
const PROBE_TIMEOUT: Ms = 2_000;

/** The load client, and a probe that knows when which request failed: a recreate may have its gap, and nothing else may. */
export class Traffic {
  private readonly outside: string[] = [];
  private gap = false;
  private over = false;
  private readonly probing: Promise<void>;

  private constructor(private readonly url: string, private readonly strategy: Strategy, private readonly load: Awaited<ReturnType<typeof startLoad>>) {
    this.probing = this.probe();
  }

  static async start(service: FaultService, strategy: Strategy): Promise<Traffic> {
    const { url = '' } = await service.status();
    return new Traffic(url, strategy, await startLoad({ url, rate: RATE, mix: MIX }));
  }

  /** While this work goes on, a recreate may leave requests unanswered. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    this.gap = this.strategy === 'recreate';
    try {
      return await work();
    } finally {
      // A probe that went out within the gap may come back behind it.
      this.gap = false;
    }
  }

  /** Ends it and tells what was not as it should be. */
  async stop(): Promise<void> {
    this.over = true;
    await this.probing;
    const report = await this.load.stop();
    expect(this.outside).toEqual([]);
    if (this.strategy !== 'recreate') expect(report).toMatchObject({ failures: 0, firstFailures: [] });
    expect(report.ok).toBeGreaterThan(0);
  }

  private async probe(): Promise<void> {
    while (!this.over) {
      const mayFail = this.gap;
      const began = new Date().toISOString();
      const problem = await fetch(`${this.url}/version`, { headers: { connection: 'close' }, signal: AbortSignal.timeout(PROBE_TIMEOUT) })
        .then(async (response) => { await response.text(); return response.status === 200 ? undefined : String(response.status); }, (error: unknown) => String(error));
      if (problem !== undefined && !mayFail && !this.gap) this.outside.push(`${began} ${problem}`);
      await new Promise((wake) => { setTimeout(wake, PROBE_EVERY); });
    }
  }
}

/** Runs the work under load; within it, only `during` may have a gap. */
export async function underTraffic<T>(service: FaultService, strategy: Strategy, work: (traffic: Traffic) => Promise<T>): Promise<T> {
  const traffic = await Traffic.start(service, strategy);
  let result: T;
  try {
    result = await work(traffic);
  } catch (error) {
    await traffic.stop().catch(() => undefined);
    throw error;
  }
  await traffic.stop();
  return result;
}

/** Runs the work in a place of its own. What the work found matters more than what its end leaves. */
export async function inPlace(subject: FaultSubject, options: FaultOptions, work: (place: FaultPlace) => Promise<void>): Promise<void> {
  const place = await subject.open(options);
  try {
    await work(place);
  } catch (error) {
    await place.close().catch(() => undefined);
    throw error;
  }
  await place.close();
}

export function pidsOf({ instances, live }: ServiceStatus): readonly number[] {
  return instances.filter(({ release }) => release === live).flatMap(({ pid }) => pid ?? []).sort((a, b) => a - b);
}

/** The fleet is one release with all its instances ready and all of the traffic, nothing else is left, and it answers. */
export async function expectFleet(service: FaultService, release: string | undefined, instances = 2): Promise<void> {
  const status = await service.status();
  // How often one ended before is another matter.
  const fleet = Object.fromEntries(Object.entries(status.fleet).map(([id, { crashes: _crashes, ...rest }]) => [id, rest]));
  expect(fleet).toEqual({ [release ?? '']: { processes: { web: { running: instances, ready: instances, draining: 0 } }, weight: 100 } });
  expect(status.interrupted).toBeUndefined();
  expect(status.lock).toBeUndefined();
  expect(await answers(status.url)).toBe(release);
}

/** The release that answers. */
export async function answers(url: string | undefined): Promise<string | null> {
  const response = await fetch(`${url ?? ''}/version`, { headers: { connection: 'close' }, signal: AbortSignal.timeout(PROBE_TIMEOUT) });
  await response.text();
  return response.headers.get('x-release');
}

export async function eventually(condition: () => boolean | Promise<boolean>, what: string, limit: Ms = 10_000): Promise<void> {
  const end = performance.now() + limit;
  while (!await condition()) {
    if (performance.now() > end) throw new Error(`waited in vain for: ${what}`);
    await new Promise((wake) => { setTimeout(wake, 20); });
  }
}

const FOREIGN = `
const server = require('node:http').createServer((request, response) => response.end('foreign ' + process.pid));
server.listen(Number(process.argv[1]), '127.0.0.1', () => process.stdout.write(String(server.address().port) + '\\n'));
`;

/** Listens on the port, 0 for any. */
export async function foreignProgram(port = 0): Promise<Foreign> {
  const child = spawn(process.execPath, ['-e', FOREIGN, String(port)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [first] = await once(child.stdout, 'data') as [Buffer];
  const listening = Number(first.toString());
  const pid = child.pid ?? 0;
  return {
    port: listening, pid,
    async untouched() {
      if (child.exitCode !== null || child.signalCode !== null) return false;
      const response = await fetch(`http://127.0.0.1:${listening}/`, { headers: { connection: 'close' } });
      return await response.text() === `foreign ${pid}`;
    },
    end: () => void child.kill('SIGKILL'),
  };
}
