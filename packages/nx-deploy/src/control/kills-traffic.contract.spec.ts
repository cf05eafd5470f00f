/** SIGKILL of the agent around a question, and in what it does by itself: the end of what is warm, of a question, of a release that does badly under its watch. */
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inTurn, randomly, sampleOf, SEED, SOAK } from '../../../../tools/testing/sample.js';
import { eventually } from '../commands/workbench.spec-support.js';
import type { ApprovalOption, StrategyOptions } from '../config/resolved.js';
import type { ChangeResult } from '../engine/request.js';
import { temporaryFolder } from '../shell/programs.spec-support.js';
import { Tally } from '../walker/aftermath.spec-support.js';
import { blueGreen, canary, liveVersion, nextVersion, type WalkedService } from '../walker/world.spec-support.js';
import type { AgentKill } from './kills-order.spec-support.js';
import { bundlesWith, KillWorld, pair, type Killed } from './kills-world.spec-support.js';
import type { RunRequest } from './protocol.js';

const WHENS: readonly AgentKill['when'][] = ['before', 'after', 40];
/** Kills of an ordinary run, in each series. */
const FEW = 2;
const HOUR = 3_600_000;
const ASK: ApprovalOption = { text: 'switch?', expires: HOUR };

const bundles = bundlesWith(temporaryFolder('traffic-kills'), 'control/kills-agent.spec-support.ts');
const random = randomly(SEED);
const tally = new Tally();
afterAll(() => {
  process.stdout.write(`${String(tally)}, of agents around questions, warm releases and watches (NX_DEPLOY_SEED=${SEED})\n`);
  nothingBroke();
});

const nothingBroke = (): void => expect({ failed: tally.failed, stuck: tally.stuck }).toEqual({ failed: [], stuck: [] });

type Point = Pick<AgentKill, 'at' | 'when'>;

/** With NX_DEPLOY_SOAK each write in each way, else a few of them in some way. */
function points(writes: number, ways = WHENS): readonly Point[] {
  const each = Array.from({ length: writes }, (_, index) => index + 1);
  if (SOAK) return each.flatMap((at) => ways.map((when) => ({ at, when })));
  const first = random(ways.length);
  return sampleOf(each, FEW, random).map((at, index) => ({ at, when: inTurn(ways, index, first) }));
}

let kills: KillWorld;
let service: WalkedService;

/** Two releases, one of them warm. */
async function opened(name: string, strategy: StrategyOptions): Promise<void> {
  kills = await KillWorld.open(bundles, tally);
  service = kills.service(name);
  for (const version of ['3', '1']) await service.inAgent(await service.order({ version, strategy }));
}

async function run(order: RunRequest): Promise<ChangeResult> {
  return (await service.inAgent(order)).result;
}

/** Does it until one is killed; the number of its writes when nobody was. */
async function untilKilled(order: RunRequest, point: Point): Promise<Killed | undefined> {
  const ending = await kills.killed(service, order, point);
  return typeof ending === 'number' ? undefined : ending;
}

/** Was the question on record by the time of the kill? A line stands in the steps before its write is done; undefined: nobody can know. */
function recordOf({ steps, when }: Pick<Killed, 'steps' | 'when'>): boolean | undefined {
  const at = steps.findIndex((line) => line.endsWith(' journal gate approve'));
  if (at < 0 || at < steps.length - 1) return at >= 0;
  return typeof when === 'number' ? undefined : when === 'after';
}

describe.each<[string, (approve?: ApprovalOption) => StrategyOptions]>([['blue-green', (approve) => blueGreen(HOUR, approve)], ['canary', (approve) => canary(100, approve)]])('an agent killed around a question of %s', (name, strategyOf) => {
  const asking = strategyOf(ASK);
  const answer = (action: 'approve' | 'reject'): RunRequest => service.run({ action }, { strategy: asking });
  const deploy = (version: string): Promise<RunRequest> => service.order({ version, strategy: asking });
  const asked = async (version: string): Promise<void> => expect(await run(await deploy(version))).toMatchObject({ outcome: 'paused', paused: { gate: ASK.text } });
  beforeAll(() => opened(name, strategyOf()));
  afterAll(() => kills.close());

  /** Whatever was left, the version has the traffic in the end: asked for again, if the question is gone, and approved. */
  async function approved(version: string): Promise<ChangeResult> {
    if ((await service.status()).paused === undefined) {
      const result = await run(await deploy(version));
      if (result.outcome !== 'paused') return result;
    }
    return run(answer('approve'));
  }

  test('a deploy up to the question', async () => {
    const writes = await kills.count(service, await deploy(await nextVersion(service)));
    expect(writes).toBeGreaterThanOrEqual(8);
    await run(answer('reject'));
    for (const point of points(writes)) {
      const version = await nextVersion(service);
      const killed = await untilKilled(await deploy(version), point);
      if (killed === undefined) await run(answer('approve'));
      else {
        await kills.ending(service, killed.label, { carried: true, warm: 1 }, async (problems) => {
          const isAsked = (await service.status()).paused !== undefined;
          const isRecorded = recordOf(killed);
          if (isRecorded !== undefined && isAsked !== isRecorded) problems.push(isAsked ? 'a question that was not on record' : 'the question is gone');
          return approved(version);
        });
      }
    }
    nothingBroke();
  }, 600_000);

  test.each([['the active agent', false], ['the active agent and its standby', true]])('while it waits, %s: the question survives, and is answered', async (_who, both) => {
    const version = await nextVersion(service);
    await asked(version);
    const before = await service.status();
    const { active, standby } = await pair(kills.world);
    if (both) process.kill(standby, 'SIGKILL');
    process.kill(active, 'SIGKILL');
    await kills.world.connect();
    await kills.ending(service, `${name}, ${both ? 'both' : 'agent'} killed while it waits`, { carried: true, warm: 1 }, async (problems) => {
      const { paused, fleet } = await service.status();
      if (JSON.stringify({ paused, fleet }) !== JSON.stringify({ paused: before.paused, fleet: before.fleet })) problems.push(`it is ${JSON.stringify({ paused, fleet })}`);
      const refused = await run(await service.order({ version: 'other', strategy: asking }));
      if (refused.error?.code !== 'ND-PAUSED') problems.push(`another deploy was ${refused.outcome}`);
      return run(answer('approve'));
    });
    nothingBroke();
  }, 120_000);

  test('an approval', async () => {
    await asked(await nextVersion(service));
    const writes = await kills.count(service, answer('approve'));
    expect(writes).toBeGreaterThanOrEqual(7);
    for (const point of points(writes)) {
      const version = await nextVersion(service);
      await asked(version);
      const killed = await untilKilled(answer('approve'), point);
      if (killed !== undefined) await kills.ending(service, `approval: ${killed.label}`, { carried: true, warm: 1 }, () => approved(version));
    }
    nothingBroke();
  }, 600_000);

  test('a refusal', async () => {
    const version = await liveVersion(service);
    await asked(await nextVersion(service));
    const writes = await kills.count(service, answer('reject'));
    expect(writes).toBeGreaterThanOrEqual(6);
    for (const point of points(writes)) {
      await asked(await nextVersion(service));
      const killed = await untilKilled(answer('reject'), point);
      if (killed === undefined) continue;
      await kills.ending(service, `refusal: ${killed.label}`, { carried: true, warm: 0 }, async (problems) => {
        if ((await service.status()).paused !== undefined) await run(answer('reject'));
        if (await liveVersion(service) !== version) problems.push('what was refused has the traffic');
        return run(await service.order({ version, strategy: strategyOf() }));
      });
    }
    nothingBroke();
  }, 600_000);
});

describe('an agent killed in what it does by itself', () => {
  afterEach(() => kills.close());

  /** Two instances and their record; both instances end at once. */
  test('the end of what is warm', async () => {
    const strategy = blueGreen(1_000);
    await opened('expiry', blueGreen());
    for (const point of points(3, ['before', 'after'])) {
      const version = await nextVersion(service);
      const { release } = await run(await service.order({ version, strategy }));
      const gone = async (): Promise<boolean> => Object.keys((await service.status()).fleet).join() === release;
      const killed = await kills.killedAtWork(service, `expiry-${version}`, { ...point, stops: true }, () => Promise.resolve(), gone);
      if (typeof killed === 'number') continue;
      await kills.ending(service, killed.label, { carried: true, warm: 0 }, async (problems) => {
        await eventually(gone, 'the rest to be ended').catch(() => problems.push('what was warm still runs'));
        return run(await service.order({ version, strategy }));
      });
    }
    expect(tally.kills).toBeGreaterThan(0);
    nothingBroke();
  }, 300_000);

  test('the end of a question that nobody answered', async () => {
    await opened('unanswered', blueGreen());
    const version = await liveVersion(service);
    const asking = blueGreen(HOUR, { ...ASK, expires: 500 });
    for (const point of points(6)) {
      expect(await run(await service.order({ version: await nextVersion(service), strategy: asking }))).toMatchObject({ outcome: 'paused' });
      const answered = async (): Promise<boolean> => {
        const { paused, lock } = await service.status();
        return paused === undefined && lock === undefined;
      };
      const killed = await kills.killedAtWork(service, 'question', point, () => Promise.resolve(), answered);
      if (typeof killed === 'number') continue;
      await kills.ending(service, `expiry: ${killed.label}`, { carried: true, warm: 0 }, async (problems) => {
        await eventually(answered, 'the question to end', 20_000).catch(() => problems.push('the question is still there'));
        return run(await service.order({ version, strategy: blueGreen() }));
      });
    }
    nothingBroke();
  }, 300_000);

  test('the rollback of a watch', async () => {
    const strategy = blueGreen();
    await opened('watched', strategy);
    const good = await liveVersion(service);
    const file = join(kills.world.bench.home.folder, 'die');
    const order = await service.order({ fixture: 'turns-bad', version: 'bad', values: { DIE_WHEN: file }, strategy });
    const watched = (): RunRequest => ({ ...order, request: { ...order.request, run: `run-${performance.now()}`, watch: { ms: 60_000, attached: false, rollbackHooks: { before: [], after: [] } } } });
    for (const point of points(7)) {
      expect(await run(watched())).toMatchObject({ outcome: 'done' });
      const bad = (await service.status()).live;
      const takenBack = async (): Promise<boolean> => {
        const { live, lock, interrupted } = await service.status();
        return live !== bad && lock === undefined && interrupted === undefined;
      };
      const killed = await kills.killedAtWork(service, 'watch', point, () => writeFile(file, ''), takenBack);
      // Where the agent was killed before that had begun, the next one goes on with the watch.
      if (typeof killed !== 'number') await eventually(takenBack, 'it to be taken back', 60_000).catch(() => tally.failed.push(`${killed.label}: what did badly has the traffic`));
      await rm(file, { force: true });
      // What did badly is not kept warm.
      if (typeof killed !== 'number') await kills.ending(service, killed.label, { carried: false, warm: 0 }, async () => run(await service.order({ version: good, strategy })));
    }
    nothingBroke();
  }, 300_000);
});
