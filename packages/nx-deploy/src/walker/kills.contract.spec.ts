/** SIGKILL of the walker at every write of its record: before it, after it (before its effect), and a moment later (within its effect). */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isRunning } from '../../../../e2e/support/processes.js';
import { startLoad, type LoadReport } from '../../../../tools/load/launch.js';
import { inTurn, randomly, sampleOf, SEED, SOAK } from '../../../../tools/testing/sample.js';
import { Supervisor } from '../agent/supervisor.js';
import { get } from '../commands/workbench.spec-support.js';
import type { StrategyOptions } from '../config/resolved.js';
import type { RunRequest } from '../control/protocol.js';
import { asDeployError } from '../errors.js';
import { targetId } from '../platforms/local/targets.js';
import type * as embedded from '../routers/embedded/index.js';
import type { Router } from '../routers/router.js';
import { bundleFile, temporaryFolder } from '../shell/programs.spec-support.js';
import { inConsistentFleet, settled, SETTLE_LIMIT, Tally } from './aftermath.spec-support.js';
import type { Kill } from './recorded.spec-support.js';
import { readWalker } from './run-folder.js';
import { blueGreen, canary, messages, nextVersion, ROLLING, World, type WalkedService } from './world.spec-support.js';

const mockRouters = new Set<Router>();
jest.mock('../routers/embedded/index.js', () => {
  const actual = jest.requireActual<typeof embedded>('../routers/embedded/index.js');
  return { ...actual, createEmbeddedRouter: (...options: Parameters<typeof actual.createEmbeddedRouter>) => {
    const router = actual.createEmbeddedRouter(...options);
    mockRouters.add(router);
    return router;
  } };
});

const folder = temporaryFolder('kills');
const program = bundleFile('walker/killed.spec-support.ts', join(folder, 'killed.js'));
const LOCK_LIMIT = 500;
const WHENS: readonly Kill['when'][] = ['before', 'after', 40];
/** Kills of a deploy that is not killed at every write. */
const SAMPLE = 2;
const random = randomly(SEED);

type Point = Pick<Kill, 'at' | 'when'>;
const NEVER: Point = { at: Number.MAX_SAFE_INTEGER, when: 'before' };

interface KilledWalk {
  readonly name: string;
  readonly strategy: StrategyOptions;
  /** No request fails. */
  readonly unbroken: boolean;
  /** The fewest writes that a deploy of it can have. */
  readonly least: number;
  /** Releases that are kept beside the one that is wanted. */
  readonly warm: number;
}
const STRATEGIES: readonly KilledWalk[] = [
  { name: 'rolling', strategy: ROLLING, unbroken: true, least: 12, warm: 0 },
  { name: 'recreate', strategy: { type: 'recreate' }, unbroken: false, least: 8, warm: 0 },
  { name: 'blue-green', strategy: blueGreen(), unbroken: true, least: 11, warm: 1 },
  { name: 'canary', strategy: canary(), unbroken: true, least: 15, warm: 1 },
];
/** Of a first deploy the strategy does not matter. */
const FIRST: KilledWalk = { name: 'first', strategy: ROLLING, unbroken: true, least: 7, warm: 0 };
/** The one that an ordinary run kills at every write. */
const WHOLE = inTurn(STRATEGIES, 0, SEED);

const tally = new Tally();
const { failed, stuck } = tally;
/** Instances that were stopped while the router sent them traffic. */
let violations: string[] = [];

const stop = Supervisor.prototype.stop;
beforeAll(() => {
  jest.spyOn(Supervisor.prototype, 'stop').mockImplementation(function (this: Supervisor, instance) {
    const id = targetId(instance);
    for (const router of mockRouters) {
      for (const key of [...STRATEGIES.map(({ name }) => name), 'first'].map((name) => `${name} (test, acme)`)) {
        const route = router.route(key);
        if ((route?.weights[instance.record.release] ?? 0) > 0 && route?.targets.some((target) => target.id === id) === true) violations.push(`${key} ${id}`);
      }
    }
    return stop.call(this, instance);
  });
});
afterAll(() => {
  process.stdout.write(`${String(tally)}, of walkers (NX_DEPLOY_SEED=${SEED})\n`);
  expect({ failed, stuck }).toEqual({ failed: [], stuck: [] });
});

/** Ends all that runs, which is no violation. */
async function close(world: World): Promise<void> {
  await world.close();
  violations = [];
  mockRouters.clear();
}

/** Runs until the walker ends itself; the number of its writes when it came to its end before that, or within the moment that was to pass. */
async function killed(service: WalkedService, order: RunRequest, { at, when }: Point): Promise<{ readonly label: string } | number> {
  const steps = join(folder, order.request.run);
  const run = await service.start(order, program, { kill: { at, when, steps } satisfies Kill });
  const ended = await messages(run).then((told) => told.at(-1)?.type === 'result', (error: unknown) => {
    if (asDeployError(error).code === 'ND-INTERRUPTED') return false;
    throw error;
  });
  const lines = readFileSync(steps, 'utf8').trim().split('\n');
  const pid = (await readWalker(run))?.pid ?? 0;
  const label = `${service.target.key.service}, killed ${typeof when === 'number' ? 'within' : when} ${lines[at - 1] ?? ''}`;
  for (const problem of await settled(SETTLE_LIMIT, () => (isRunning(pid) ? ['the walker still lives'] : []))) failed.push(`${label}: ${problem}`);
  return ended ? lines.length : { label };
}

async function lockFree(service: WalkedService): Promise<readonly string[]> {
  return settled(LOCK_LIMIT, async () => ((await service.status()).lock === undefined ? [] : ['the lock is still held']));
}

/** What does not hold after a kill, the next command included. */
async function afterKill(world: World, service: WalkedService, { strategy, warm }: KilledWalk, label: string, version: string, always: boolean): Promise<void> {
  tally.kills += 1;
  const problems = [...await lockFree(service)];
  const between = await service.status();
  if (always && (await get(between.url)).status !== 200) problems.push('no traffic flows');
  const next = await service.walk(await service.order({ version, strategy }));
  if (next.outcome !== 'done' && next.outcome !== 'unchanged') stuck.push(`${label}: ${next.outcome}, ${next.error?.code ?? ''} ${next.error?.what ?? ''} ${next.error?.why ?? ''}`);
  problems.push(...await inConsistentFleet(world, service, next.release, 2, warm), ...violations.map((what) => `stopped under traffic: ${what}`));
  violations = [];
  if (problems.length > 0) failed.push(`${label}: ${problems.join(', ')}`);
}

/** Of a deploy over one that runs. */
async function killedOver(world: World, service: WalkedService, walked: KilledWalk, point: Point): Promise<number | undefined> {
  const version = await nextVersion(service);
  const ending = await killed(service, await service.order({ version, strategy: walked.strategy }), point);
  if (typeof ending === 'number') return ending;
  await afterKill(world, service, walked, ending.label, version, walked.unbroken);
  return undefined;
}

/** The agent's own walk is killed in the same places. With NX_DEPLOY_SOAK each write in each way, else each in one way, or a few of them. */
function points(writes: number, whole: boolean): readonly Point[] {
  const each = Array.from({ length: writes }, (_, index) => index + 1);
  if (SOAK) return each.flatMap((at) => WHENS.map((when) => ({ at, when })));
  const first = random(WHENS.length);
  return (whole ? each : sampleOf(each, SAMPLE, random)).map((at, index) => ({ at, when: inTurn(WHENS, index, first) }));
}

describe.each(STRATEGIES)('a walker killed in a $name deploy', (walked) => {
  const { name, strategy, unbroken, least } = walked;
  let kills = 0;
  let world: World;
  let load: Awaited<ReturnType<typeof startLoad>> | undefined;
  beforeAll(async () => {
    world = await World.open();
    const service = world.service(name);
    for (const version of ['3', '1']) await service.walk(await service.order({ version, strategy }));
    if (unbroken) load = await startLoad({ url: (await service.status()).url ?? '', rate: 100, mix: { get: 60, fresh: 25, post: 15 } });
  });
  afterAll(async () => {
    const report: LoadReport | undefined = await load?.stop();
    await close(world);
    if (report === undefined) return;
    expect(report).toMatchObject({ failures: 0, firstFailures: [] });
    // Each kill, with the deploy after it, takes more than half a second.
    expect(report.ok).toBeGreaterThan(50 * kills);
  });

  test(walked === WHOLE || SOAK ? 'at every write' : 'at some of its writes', async () => {
    const service = world.service(name);
    const before = tally.kills;
    const writes = await killedOver(world, service, walked, NEVER) ?? 0;
    expect(writes).toBeGreaterThanOrEqual(least);
    for (const point of points(writes, walked === WHOLE)) await killedOver(world, service, walked, point);
    kills = tally.kills - before;
    expect(kills).toBeGreaterThan(0);
    expect({ failed, stuck }).toEqual({ failed: [], stuck: [] });
  }, 1_800_000);
});

/** Each on a machine of its own. A command that only recovers comes first: what has the traffic by then keeps it. */
async function firstDeploy(point: Point): Promise<number | undefined> {
  const world = await World.open();
  try {
    const service = world.service('first');
    const ending = await killed(service, await service.order(), point);
    if (typeof ending === 'number') return ending;
    const { label } = ending;
    const before = await service.status();
    const carried = Object.values(before.fleet).some(({ weight }) => weight > 0);
    await service.walk(service.run({ action: 'rollback' }));
    const after = await service.status();
    if (carried && (after.live !== before.live || (await get(after.url)).status !== 200)) failed.push(`${label}: what had the traffic was taken back to nothing`);
    await afterKill(world, service, FIRST, label, '1', carried);
    return undefined;
  } finally {
    await close(world);
  }
}

test('a walker killed in a first deploy', async () => {
  const writes = await firstDeploy(NEVER) ?? 0;
  expect(writes).toBeGreaterThanOrEqual(FIRST.least);
  for (const point of points(writes, false)) await firstDeploy(point);
  // The route and the commit lie in the last third.
  if (!SOAK) await firstDeploy({ at: writes - 2, when: 'after' });
  expect({ failed, stuck }).toEqual({ failed: [], stuck: [] });
}, 1_800_000);
