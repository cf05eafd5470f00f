/** An agent in the test's process, services that walkers of their own change, and programs made from this source. For tests only. */
import { randomUUID } from 'node:crypto';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { collectFiles, openBlobStore } from '../archive/index.js';
import { BUNDLES, get, Workbench } from '../commands/workbench.spec-support.js';
import type { ApprovalOption, StrategyOptions } from '../config/resolved.js';
import { storedArtifacts } from '../control/artifacts.js';
import type { AgentClient } from '../control/client.js';
import { connectAgent } from '../control/launch.js';
import type { LocalOrder } from '../control/local-task.js';
import type { RunMessage, RunRequest, ServiceStatus } from '../control/protocol.js';
import type { ChangeRequest, ChangeResult } from '../engine/request.js';
import type { PreparedHook } from '../hooks/run-hooks.js';
import type { ArtifactRef } from '../model/index.js';
import { attachRun } from './attach.js';
import type { RunFolder } from './run-folder.js';
import { startWalker } from './start.js';

const FIXTURES = join(__dirname, '../../../../e2e/fixtures/services');
export const WALKER = join(BUNDLES, 'walker.js');

export interface Wish {
  readonly version?: string;
  readonly strategy?: StrategyOptions;
  readonly instances?: number;
  readonly before?: readonly PreparedHook[];
  readonly after?: readonly PreparedHook[];
  readonly fixture?: string;
  readonly secret?: string;
  readonly values?: Readonly<Record<string, string>>;
  readonly dryRun?: boolean;
}

export const ROLLING: StrategyOptions = { type: 'rolling', batch: 50 };
const BESIDE = { smoke: [{ path: '/health', status: 200 }], soak: 100, keepWarm: 3_600_000 } as const;

/** Warm for longer than any test takes, unless told otherwise. */
export function blueGreen(keepWarm: number = BESIDE.keepWarm, approve?: ApprovalOption): StrategyOptions {
  return { type: 'blue-green', ...BESIDE, keepWarm, ...(approve === undefined ? {} : { approve }) };
}

export function canary(soak = 100, approve?: ApprovalOption): StrategyOptions {
  return { type: 'canary', ...BESIDE, steps: [{ weight: 10, soak }, { weight: 50, soak, ...(approve === undefined ? {} : { approve }) }], sticky: false };
}

/** A hook that waits until it is ended. */
export const waiting: PreparedHook = { run: [process.execPath, '-e', 'console.log("waiting"); setTimeout(() => {}, 60000)'], env: {}, timeout: 60_000, cwd: '/' };

export class World {
  private readonly artifacts = new Map<string, Promise<ArtifactRef>>();

  private constructor(readonly bench: Workbench, readonly bundles = BUNDLES) {}

  static async open(): Promise<World> {
    const bench = await Workbench.open();
    await bench.start();
    return new World(bench);
  }

  /** With an agent that is a process of its own. */
  static async apart(bundles = BUNDLES): Promise<World> {
    const world = new World(await Workbench.open(), bundles);
    await world.connect();
    return world;
  }

  /** The agent, started if none runs. */
  connect(): Promise<AgentClient> {
    return connectAgent(this.bench.home, this.bundles);
  }

  service(name: string): WalkedService {
    return new WalkedService(this, name);
  }

  async close(): Promise<void> {
    if (this.bench.agent === undefined) await (await this.connect()).call('stop', { instances: true });
    await this.bench.close();
  }

  /** Stored once per version. */
  artifact(fixture: string, version: string): Promise<ArtifactRef> {
    const name = `${fixture} ${version}`;
    const stored = this.artifacts.get(name) ?? this.store(fixture, version);
    this.artifacts.set(name, stored);
    return stored;
  }

  private async store(fixture: string, version: string): Promise<ArtifactRef> {
    const path = await mkdtemp(join(tmpdir(), 'nx-deploy-fixture-'));
    try {
      await cp(join(FIXTURES, fixture), path, { recursive: true });
      await writeFile(join(path, 'version.txt'), version);
      const collected = await collectFiles({ artifact: { type: 'files', path, entry: 'main.js', dependencies: 'bundled' }, workspaceRoot: path });
      return await storedArtifacts(openBlobStore(this.bench.home.blobs), this.bench.home).store(collected);
    } finally {
      await rm(path, { recursive: true, force: true });
    }
  }
}

export class WalkedService {
  constructor(private readonly world: World, private readonly name: string) {}

  get target(): Pick<RunRequest, 'key' | 'owner'> {
    return { key: { workspace: 'acme', service: this.name, environment: 'test' }, owner: 'acme' };
  }

  async order(wish: Wish = {}): Promise<RunRequest> {
    const { instances = 2, fixture = 'steady', version = '1', values = {} } = wish;
    return this.run({
      action: 'deploy', processes: { web: { fixed: instances } },
      deployable: {
        artifact: await this.world.artifact(fixture, version),
        config: wish.secret === undefined ? { values, secrets: [] } : { values: { ...values, TOKEN: wish.secret }, secrets: ['TOKEN'] },
        spec: {
          processes: { web: { command: ['node', 'main.js'] } }, cwd: '.', port: 0,
          health: { path: '/health', timeout: 15_000, interval: 30, passes: 1 }, drain: 10_000, stopTimeout: 2_000, limits: {},
        },
      },
    }, wish);
  }

  run(change: ChangeRequest['change'], { strategy, before = [], after = [], dryRun = false }: Wish = {}): RunRequest {
    return {
      ...this.target, node: process.execPath,
      request: {
        run: `run-${randomUUID()}`, actor: { user: 'tester', host: 'here', pid: process.pid }, service: this.name, environment: 'test',
        change, strategy: strategy ?? ROLLING, hooks: { before, after }, deadline: 60_000, keep: 5, dryRun,
      },
    };
  }

  localOrder(run: RunRequest): LocalOrder {
    return { home: this.world.bench.home.folder, bundles: this.world.bundles, run };
  }

  /** Resolves when the walker has begun. `more` goes to test programs. */
  start(run: RunRequest, program = WALKER, more: object = {}): Promise<RunFolder> {
    return startWalker({ runs: this.world.bench.home.runs, run: run.request.run, program, order: { ...this.localOrder(run), ...more } });
  }

  /** By a walker of its own. */
  async walk(run: RunRequest): Promise<ChangeResult> {
    return resultOf(await messages(await this.start(run)));
  }

  /** By the agent itself. */
  async inAgent(run: RunRequest): Promise<{ readonly result: ChangeResult; readonly messages: readonly RunMessage[] }> {
    const told: RunMessage[] = [];
    for await (const message of (await this.world.bench.client()).stream('run', run)) told.push(message);
    return { result: resultOf(told), messages: told };
  }

  async status(): Promise<ServiceStatus> {
    return (await this.world.bench.client()).call('status', this.target);
  }
}

/** Deployed one after the other, none of them runs when its turn comes: the one before it may still be warm. */
const VERSIONS = ['1', '2', '3'] as const;

export async function liveVersion(service: WalkedService): Promise<string> {
  const { body } = await get((await service.status()).url);
  return VERSIONS.find((version) => body.includes(`"version":"${version}"`)) ?? '';
}

/** The version to deploy over what answers now. */
export async function nextVersion(service: WalkedService): Promise<string> {
  const now = await liveVersion(service);
  return VERSIONS[(VERSIONS.findIndex((version) => version === now) + 1) % VERSIONS.length] ?? '1';
}

export async function messages(run: RunFolder): Promise<readonly RunMessage[]> {
  const told: RunMessage[] = [];
  for await (const message of attachRun(run)) told.push(message);
  return told;
}

export function resultOf(told: readonly RunMessage[]): ChangeResult {
  const last = told.at(-1);
  if (last?.type !== 'result') throw new Error('the run ended without a result');
  return last.result;
}
