/** SIGKILL of the agent at every write of the record of its own walk; its standby, or the next command, brings things to an end. */
import { startLoad, type LoadReport } from '../../../../tools/load/launch.js';
import { inTurn, randomly, sampleOf, SEED, SOAK } from '../../../../tools/testing/sample.js';
import { temporaryFolder } from '../shell/programs.spec-support.js';
import { Tally } from '../walker/aftermath.spec-support.js';
import { blueGreen, canary, liveVersion, nextVersion, ROLLING, type WalkedService } from '../walker/world.spec-support.js';
import type { AgentKill } from './kills-order.spec-support.js';
import { bundlesWith, KillWorld, type KilledStrategy, type When } from './kills-world.spec-support.js';

/** One line per strategy is all it takes. */
const STRATEGIES: readonly KilledStrategy[] = [
  { name: 'rolling', strategy: ROLLING, unbroken: true, least: 12, warm: 0 },
  { name: 'recreate', strategy: { type: 'recreate' }, unbroken: false, least: 8, warm: 0 },
  { name: 'blue-green', strategy: blueGreen(), unbroken: true, least: 11, warm: 1 },
  { name: 'canary', strategy: canary(), unbroken: true, least: 15, warm: 1 },
];
const WHENS: readonly When[] = ['before', 'after', 40];
/** The one whose deploy an ordinary run kills at half of its writes; with the same seed a walker has another one. */
const WHOLE = inTurn(STRATEGIES, 2, SEED);
/** Kills of the deploys of the others. */
const SAMPLE = 1;
/** Requests in flight when an agent is killed, at 100 a second; a machine that answers slowly has more of them. */
const LOST_PER_KILL = 6;

const bundles = bundlesWith(temporaryFolder('agent-kills'), 'control/kills-agent.spec-support.ts');
const random = randomly(SEED);
const tally = new Tally();
afterAll(() => {
  process.stdout.write(`${String(tally)}, of agents (NX_DEPLOY_SEED=${SEED})\n`);
  expect({ failed: tally.failed, stuck: tally.stuck }).toEqual({ failed: [], stuck: [] });
});

/** With NX_DEPLOY_SOAK each write in each way, else so many of them, each in one way. */
function points(writes: number, count: number): readonly Pick<AgentKill, 'at' | 'when'>[] {
  const each = Array.from({ length: writes }, (_, index) => index + 1);
  if (SOAK) return WHENS.flatMap((when) => each.map((at) => ({ at, when })));
  const first = random(WHENS.length);
  return sampleOf(each, count, random).map((at, index) => ({ at, when: inTurn(WHENS, index, first) }));
}

const nothingBroke = (): void => expect({ failed: tally.failed, stuck: tally.stuck }).toEqual({ failed: [], stuck: [] });

/** None refused, no wrong answer: only what was in flight when an agent ended. */
function onlyInFlight(report: LoadReport, kills: number): void {
  const { kinds, failures, firstFailures } = report;
  const others = Object.values(kinds).reduce((sum, { wrong, duplicated, misrouted }) => sum + wrong + duplicated + misrouted, 0);
  expect({ others, refused: firstFailures.filter(({ message }) => /ECONNREFUSED|time/i.test(message)) }).toEqual({ others: 0, refused: [] });
  process.stdout.write(`${kills} kills of the active agent under load: ${failures} requests in flight lost of ${report.sent}, longest gap ${Math.round(report.longestGapMs)} ms\n`);
  expect(failures).toBeLessThanOrEqual(kills * (LOST_PER_KILL + (report.sent / report.durationMs) * report.latency.p95));
}

describe.each(STRATEGIES)('an agent killed in a $name change', (change) => {
  const { name, strategy, unbroken, least, warm } = change;
  let kills: KillWorld;
  let service: WalkedService;
  /** Of a deploy. */
  let writes = 0;
  beforeAll(async () => {
    kills = await KillWorld.open(bundles, tally, warm);
    service = kills.service(name);
    for (const version of ['3', '1']) await service.inAgent(await service.order({ version, strategy }));
    writes = await kills.count(service, await deploy(await nextVersion(service)));
    expect(writes).toBeGreaterThanOrEqual(least);
  });
  afterAll(() => kills.close());

  const deploy = async (version: string): ReturnType<WalkedService['order']> => service.order({ version, strategy });

  test('a deploy, its standby takes over', async () => {
    const load = unbroken ? await startLoad({ url: (await service.status()).url ?? '', rate: 100, mix: { get: 60, fresh: 25, post: 15 } }) : undefined;
    const before = tally.kills;
    for (const point of points(writes, change === WHOLE ? Math.ceil(writes / 2) : SAMPLE)) {
      const version = await nextVersion(service);
      const ending = await kills.killed(service, await deploy(version), point);
      if (typeof ending !== 'number') await kills.aftermath(service, ending, await deploy(version), unbroken);
    }
    const report = await load?.stop();
    if (report !== undefined) onlyInFlight(report, tally.kills - before);
    nothingBroke();
  }, 900_000);

  test('a rollback', async () => {
    const back = (): ReturnType<WalkedService['run']> => service.run({ action: 'rollback' }, { strategy });
    const writes = await kills.count(service, back());
    for (const point of points(writes, 1)) {
      const before = await liveVersion(service);
      await service.inAgent(await deploy(await nextVersion(service)));
      const ending = await kills.killed(service, back(), point);
      if (typeof ending !== 'number') await kills.aftermath(service, ending, await deploy(before), unbroken);
    }
    nothingBroke();
  }, 600_000);

  test('a deploy, with the standby: the next command takes up what runs', async () => {
    for (const point of points(writes, 1)) {
      const version = await nextVersion(service);
      const ending = await kills.killed(service, await deploy(version), { ...point, both: true }, unbroken);
      if (typeof ending !== 'number') await kills.aftermath(service, ending, await deploy(version), unbroken);
    }
    nothingBroke();
  }, 600_000);

  test('a deploy, and the agent that recovers it as well', async () => {
    for (const { at, when } of points(writes - 3, 1)) {
      const version = await nextVersion(service);
      const ending = await kills.killed(service, await deploy(version), { at: at + 1, when, next: { at: 1 + random(3), when: 'before', steps: '' } });
      if (typeof ending !== 'number') await kills.aftermath(service, ending, await deploy(version), unbroken);
    }
    nothingBroke();
  }, 600_000);
});

/** Each on a machine of its own. What has the traffic by the time of the kill keeps it. */
test('an agent killed in a first deploy', async () => {
  const writes = await first();
  expect(writes).toBeGreaterThanOrEqual(7);
  for (const point of points(writes, SAMPLE)) await first(point);
  // The route and the commit lie in the last third.
  if (!SOAK) await first({ at: writes - 2, when: 'after' });
  nothingBroke();
}, 600_000);

async function first(point?: Pick<AgentKill, 'at' | 'when'>): Promise<number> {
  const kills = await KillWorld.open(bundles, tally);
  try {
    const service = kills.service('first');
    if (point === undefined) return await kills.count(service, await service.order());
    const ending = await kills.killed(service, await service.order(), point);
    if (typeof ending === 'number') return ending;
    const { live } = await service.status();
    await kills.aftermath(service, ending, await service.order(), live !== undefined, live);
    return 0;
  } finally {
    await kills.close();
  }
}
