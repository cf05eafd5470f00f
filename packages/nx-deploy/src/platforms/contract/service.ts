/** A service under test for platforms whose artifacts are files: collects a fixture, stores it, and runs changes as a command would. */
import { randomUUID } from 'node:crypto';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { collectFiles } from '../../archive/index.js';
import type { StoredArtifacts } from '../../control/artifacts.js';
import type { StrategyOptions } from '../../config/resolved.js';
import { runChange } from '../../engine/change.js';
import type { ChangeRequest, ChangeResult } from '../../engine/request.js';
import type { ArtifactRef, RunSpec } from '../../model/index.js';
import type { ServiceKey } from '../../releases/index.js';
import type { Platform } from '../platform.js';
import type { ServiceOrder, ServiceUnderTest } from './harness.js';

const FIXTURES = join(__dirname, '../../../../../e2e/fixtures/services');
const ROLLING: StrategyOptions = { type: 'rolling', batch: 25 };

/** What of a service differs from platform to platform. */
export interface OrderedSubject {
  readonly key: ServiceKey;
  readonly artifact: (order: Pick<ServiceOrder, 'fixture' | 'version'>) => Promise<ArtifactRef>;
  readonly spec: (order: Pick<ServiceOrder, 'health' | 'limits' | 'drain' | 'stopTimeout'>) => RunSpec;
  /** To look at what there is. */
  readonly platform: () => Platform;
  /** For one change, as a command has it: with what it opened for itself, which it closes. */
  readonly change: <T>(work: (platform: Platform) => Promise<T>) => Promise<T>;
}

export interface FileSubject {
  readonly key: ServiceKey;
  readonly artifacts: StoredArtifacts;
  readonly platform: () => Platform;
}

export function serviceUnderTest({ key, artifacts, platform }: FileSubject): ServiceUnderTest {
  return orderedService({ key, artifact: (order) => stored(artifacts, order), spec: specOf, platform, change: (work) => work(platform()) });
}

export function orderedService({ key, artifact, spec, platform, change }: OrderedSubject): ServiceUnderTest {
  const run = (wanted: ChangeRequest['change'], order: Partial<ServiceOrder>): Promise<ChangeResult> => {
    const request: ChangeRequest = {
      run: randomUUID(), actor: { user: 'tester', host: 'here', pid: process.pid }, service: key.service, environment: key.environment,
      change: wanted, strategy: order.strategy ?? ROLLING, hooks: { before: order.before ?? [], after: order.after ?? [] },
      deadline: order.deadline ?? 120_000, keep: 5, dryRun: order.dryRun === true,
    };
    return change((own) => runChange({ platform: own, request, emit: order.watch ?? (() => undefined), signal: order.signal ?? new AbortController().signal }));
  };
  return {
    get platform() {
      return platform();
    },
    async deploy(order) {
      const config = { values: order.values ?? {}, secrets: order.secrets ?? [] };
      return run({ action: 'deploy', deployable: { artifact: await artifact(order), config, spec: spec(order) }, processes: { web: { fixed: order.instances } } }, order);
    },
    rollback: (to, strategy) => run({ action: 'rollback', ...(to === undefined ? {} : { to }) }, strategy === undefined ? {} : { strategy }),
    decide: (action, note) => run({ action, ...(note === undefined ? {} : { note }) }, {}),
    async url() {
      const url = await platform().url();
      if (url === undefined) throw new Error('the service has no address yet');
      return url;
    },
    async release(id) {
      const release = await platform().state.releases.get(id);
      if (release === undefined) throw new Error(`release ${id} has no record`);
      return release;
    },
  };
}

export function specOf({ health, limits, drain, stopTimeout }: Pick<ServiceOrder, 'health' | 'limits' | 'drain' | 'stopTimeout'>): RunSpec {
  return {
    processes: { web: { command: ['node', 'main.js'] } }, cwd: '.', port: 0,
    health: { path: '/health', timeout: 30_000, interval: 50, passes: 2, ...health },
    drain: drain ?? 30_000, stopTimeout: stopTimeout ?? 5_000, limits: limits ?? {},
  };
}

/** Stores the fixture with its version beside it, as a build would put it out. */
export async function stored(artifacts: StoredArtifacts, { fixture, version }: Pick<ServiceOrder, 'fixture' | 'version'>): ReturnType<StoredArtifacts['store']> {
  const path = await mkdtemp(join(tmpdir(), 'nx-deploy-fixture-'));
  try {
    await cp(join(FIXTURES, fixture), path, { recursive: true });
    await writeFile(join(path, 'version.txt'), version);
    const artifact = { type: 'files', path, entry: 'main.js', dependencies: 'bundled' } as const;
    return await artifacts.store(await collectFiles({ artifact, workspaceRoot: path }));
  } finally {
    await rm(path, { recursive: true, force: true });
  }
}
