/** SIGSTOP and SIGCONT of a walker, of the active agent, of its standby, of both: who notices, and what a process that wakes does. */
import { isRunning, processesOf } from '../../../../e2e/support/processes.js';
import { startLoad } from '../../../../tools/load/launch.js';
import { inTurn, randomly, sampleOf, SEED, SOAK } from '../../../../tools/testing/sample.js';
import { eventually, get } from '../commands/workbench.spec-support.js';
import type { ChangeResult } from '../engine/request.js';
import { asDeployError, type DeployError } from '../errors.js';
import type { PreparedHook } from '../hooks/run-hooks.js';
import { agentsOf } from '../walker/aftermath.spec-support.js';
import { readWalker } from '../walker/run-folder.js';
import { canary, messages, resultOf, World, type WalkedService } from '../walker/world.spec-support.js';
import { findAgent } from './client.js';
import { hello, lockFile, pair } from './kills-world.spec-support.js';

const TIMEOUT = 120_000;
const MIX = { get: 60, fresh: 25, post: 15 };
/** Longer than a stopped agent is suffered. */
const LONG = 7_000;

const hook = (ms: number): PreparedHook => ({ run: [process.execPath, '-e', `setTimeout(() => {}, ${ms})`], env: {}, timeout: 60_000, cwd: '/' });
const pause = (ms: number): Promise<void> => new Promise((wake) => { setTimeout(wake, ms); });
const stop = (...pids: readonly number[]): void => { for (const pid of pids) process.kill(pid, 'SIGSTOP'); };
const wake = (...pids: readonly number[]): void => { for (const pid of pids) process.kill(pid, 'SIGCONT'); };

let world: World;
let service: WalkedService;
let first: ChangeResult;
beforeEach(async () => {
  world = await World.apart();
  service = world.service('api');
  first = (await service.inAgent(await service.order())).result;
  // The first listener makes for a new standby.
  for (let before = 0, now = 1; before !== now; now = (await pair(world)).standby) {
    before = (await pair(world)).standby;
    await pause(1_500);
  }
});
afterEach(async () => {
  const { folder } = world.bench;
  // One that a test left frozen answers nobody.
  wake(...agentsOf(world).map(({ pid }) => pid));
  await world.close();
  await eventually(() => processesOf(folder).length === 0, 'nothing to be left');
});

/** A deploy by the agent that has the lock and waits in a hook after the walk; what it comes to. */
async function underWay(ms: number): Promise<{ readonly outcome: Promise<ChangeResult | DeployError> }> {
  const outcome = service.inAgent(await service.order({ version: '2', after: [hook(ms)] })).then(({ result }) => result, (error: unknown) => asDeployError(error));
  await eventually(async () => (await service.status()).live !== first.release, 'the traffic to move');
  return { outcome };
}

async function recovered(release: string | undefined): Promise<void> {
  await eventually(async () => {
    const { lock, interrupted, live } = await service.status();
    return lock === undefined && interrupted === undefined && live === release;
  }, 'the recovery');
  expect(await get(first.url)).toMatchObject({ status: 200 });
  expect((await service.inAgent(await service.order({ version: '3' }))).result).toMatchObject({ outcome: 'done' });
}

/** An ordinary run takes three of the five, by a seed; a soak takes all. Each waits for the time after which a silent process counts as gone. */
const taken = new Set(sampleOf([0, 1, 2, 3, 4], SOAK ? 5 : 3, randomly(SEED)));
const frozen = (index: number): jest.It => (taken.has(index) ? test : test.skip);

frozen(0)('a walker that is frozen loses its lock to unlock, another deploy is done, and when it wakes it does nothing and says so', async () => {
  const load = await startLoad({ url: first.url ?? '', rate: 100, mix: MIX });
  const order = await service.order({ version: '2', after: [hook(1_000)] });
  const run = await service.start(order);
  const told = messages(run);
  await eventually(async () => (await service.status()).live !== first.release, 'the traffic to move');
  const { pid = 0 } = await readWalker(run) ?? {};
  stop(pid);
  for await (const message of (await world.bench.client()).stream('unlock', { ...service.target, run: 'run-unlock', wait: 300 })) {
    if (message.type === 'result') expect(message.result).toMatchObject({ how: 'revoked', holder: { run: order.request.run } });
  }
  const { result } = await service.inAgent(await service.order({ version: '3' }));
  expect(result).toMatchObject({ outcome: 'done' });
  const before = await service.status();
  wake(pid);
  expect(resultOf(await told)).toMatchObject({ outcome: 'not-restored', error: { code: expect.stringMatching(/^ND-(?:LEASE-LOST|CANCELLED)$/) } });
  await eventually(() => !isRunning(pid), 'the walker to end');
  const { instances, fleet, ledger, lock } = await service.status();
  expect({ instances, fleet, ledger, lock }).toEqual({ instances: before.instances, fleet: before.fleet, ledger: before.ledger, lock: undefined });
  expect(await load.stop()).toMatchObject({ failures: 0, firstFailures: [] });
}, TIMEOUT);

frozen(1)('an active agent that is frozen in mid-deploy is ended by its standby, which takes charge and brings the deploy to an end', async () => {
  const load = await startLoad({ url: first.url ?? '', rate: 100, mix: MIX });
  const { active, standby } = await pair(world);
  const { outcome } = await underWay(60_000);
  stop(active);
  const began = performance.now();
  // A command that comes meanwhile waits, and is answered by the standby.
  expect((await hello(world)).pid).toBe(standby);
  const took = performance.now() - began;
  expect(isRunning(active)).toBe(false);
  expect(await outcome).toMatchObject({ code: 'ND-INTERRUPTED' });
  await recovered(first.release);
  const { failures, sent, kinds, firstFailures, longestGapMs } = await load.stop();
  process.stdout.write(`a frozen active agent: answered again after ${Math.round(took)} ms, ${failures} of ${sent} requests lost, longest gap ${Math.round(longestGapMs)} ms\n`);
  expect(took).toBeGreaterThan(4_000);
  expect(took).toBeLessThan(12_000);
  expect(Object.values(kinds).reduce((sum, { wrong, duplicated, misrouted }) => sum + wrong + duplicated + misrouted, 0)).toBe(0);
  expect(firstFailures.filter(({ message }) => message.includes('ECONNREFUSED'))).toEqual([]);
}, TIMEOUT);

frozen(2)('a pause of some seconds is no reason to end the active agent', async () => {
  const before = await pair(world);
  const load = await startLoad({ url: first.url ?? '', rate: 50, mix: MIX });
  stop(before.active);
  await pause(2_500);
  wake(before.active);
  await pause(3_000);
  expect(await pair(world)).toEqual(before);
  expect(await load.stop()).toMatchObject({ failures: 0 });
}, TIMEOUT);

frozen(3)('a standby that is frozen is replaced, and the new one takes over', async () => {
  const { active, standby } = await pair(world);
  stop(standby);
  await eventually(async () => ((await lockFile(world)).standby?.pid ?? standby) !== standby, 'another standby', 20_000);
  const next = await pair(world);
  expect([next.active, isRunning(standby)]).toEqual([active, false]);
  process.kill(active, 'SIGKILL');
  expect((await hello(world)).pid).toBe(next.standby);
}, TIMEOUT);

async function bothInMidDeploy(standbyFirst: boolean): Promise<void> {
  const before = await pair(world);
  const { outcome } = await underWay(3_000);
  stop(before.active, before.standby);
  await pause(LONG);
  const order = standbyFirst ? [before.standby, before.active] : [before.active, before.standby];
  for (const pid of order) {
    wake(pid);
    await pause(1_500);
  }
  expect(await outcome).toMatchObject({ outcome: 'done' });
  await pause(2_000);
  expect(await pair(world)).toEqual(before);
  expect(await service.status()).toMatchObject({ ledger: { ok: true }, live: expect.not.stringMatching(first.release ?? '') });
  expect((await service.status()).lock).toBeUndefined();
}

/** It soaks on and is brought to its end, with the release before it warm. */
async function bothInACanary(): Promise<void> {
  const before = await pair(world);
  const outcome = service.inAgent(await service.order({ version: '2', strategy: canary(3_000) }));
  await eventually(async () => Object.values((await service.status()).fleet).some(({ weight }) => weight === 10), 'the canary to have traffic');
  stop(before.active, before.standby);
  await pause(LONG);
  wake(before.standby, before.active);
  const { result } = await outcome;
  expect(result).toMatchObject({ outcome: 'done' });
  expect(await pair(world)).toEqual(before);
  expect((await service.status()).fleet).toMatchObject({ [result.release ?? '']: { weight: 100 }, [first.release ?? '']: { weight: 0, until: expect.any(String) } });
  expect(await get(first.url)).toMatchObject({ status: 200, body: expect.stringContaining('"version":"2"') });
}

const BOTH: readonly (readonly [string, () => Promise<void>])[] = [
  ['in mid-deploy; the standby wakes first', () => bothInMidDeploy(true)],
  ['in mid-deploy; the active agent wakes first', () => bothInMidDeploy(false)],
  ['while a canary soaks', bothInACanary],
];

/** One of them in an ordinary run. */
test.each(SOAK ? BOTH : [inTurn(BOTH, 0, SEED)])(`both are frozen, as when a laptop sleeps: nothing happens, and the deploy goes on; %s (NX_DEPLOY_SEED=${SEED})`, (_name, body) => body(), TIMEOUT);

frozen(4)('no command waits for ever while both are frozen, and each says what to do; when they wake, the deploy that was given up is restored', async () => {
  const { active, standby } = await pair(world);
  const { outcome } = await underWay(60_000);
  stop(active, standby);
  const began = performance.now();
  await expect(findAgent(world.bench.home)).rejects.toMatchObject({ code: 'ND-AGENT-SILENT', parts: { next: expect.stringContaining(`kill -CONT ${active} ${standby}`) } });
  await expect(world.connect()).rejects.toMatchObject({ code: 'ND-AGENT-SILENT' });
  expect(performance.now() - began).toBeLessThan(10_000);
  expect(await outcome).toMatchObject({ code: 'ND-INTERRUPTED', parts: { what: expect.stringContaining('does not answer any more'), next: expect.stringContaining(`kill -CONT ${active} ${standby}`) } });
  expect(performance.now() - began).toBeLessThan(40_000);
  wake(active, standby);
  await recovered(first.release);
  expect(await hello(world)).toMatchObject({ pid: active });
}, TIMEOUT);

(SOAK ? test : test.skip)('a machine that is too busy for a minute makes no false alarm', async () => {
  const before = await pair(world);
  const { spawn } = await import('node:child_process');
  const hogs = Array.from({ length: 12 }, () => spawn(process.execPath, ['-e', 'for (const end = Date.now() + 60000; Date.now() < end;);']));
  try {
    for (let round = 1; round <= 4; round += 1) {
      expect((await service.inAgent(await service.order({ version: String(round + 1) }))).result).toMatchObject({ outcome: 'done' });
      await pause(10_000);
    }
    expect(await pair(world)).toMatchObject({ active: before.active });
  } finally {
    for (const hog of hogs) hog.kill('SIGKILL');
  }
}, 4 * TIMEOUT);
