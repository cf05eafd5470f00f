/** SIGKILL of the walker at every write of its record, under load: no request fails, and the next command from another process brings the fleet that was wanted. */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { lackOfEngine } from '../../../../../tools/images/engine.js';
import { describeUnless } from '../../../../../tools/images/needs.spec-support.js';
import { startLoad } from '../../../../../tools/load/launch.js';
import { inTurn, randomly, sampleOf, SEED, SOAK } from '../../../../../tools/testing/sample.js';
import type { StrategyOptions } from '../../config/resolved.js';
import type { DockerOrder } from '../../control/docker-task.js';
import { asDeployError } from '../../errors.js';
import type { ServiceUnderTest } from '../contract/harness.js';
import { bundleFile, temporaryFolder } from '../../shell/programs.spec-support.js';
import { settled, Tally } from '../../walker/aftermath.spec-support.js';
import { attachRun } from '../../walker/attach.js';
import type { Kill } from '../../walker/recorded.spec-support.js';
import { startWalker } from '../../walker/start.js';
import { blueGreen } from '../../walker/world.spec-support.js';
import type { KilledOrder } from './killed.spec-support.js';
import { containerSpec, DockerWorld } from './place.spec-support.js';

const WHENS: readonly Kill['when'][] = ['before', 'after', 60];
const LOCK_LIMIT = 2_000;
const SETTLE_LIMIT = 15_000;
/** Kills of a strategy in an ordinary run. */
const SAMPLE = 3;
const random = randomly(SEED);
const STRATEGIES: readonly { readonly strategy: StrategyOptions; readonly least: number; readonly warm: number }[] = [
  { strategy: { type: 'rolling', batch: 50 }, least: 10, warm: 0 },
  { strategy: blueGreen(), least: 9, warm: 1 },
];

type Point = Pick<Kill, 'at' | 'when'>;
const NEVER: Point = { at: Number.MAX_SAFE_INTEGER, when: 'before' };

describeUnless(lackOfEngine(), 'a walker of an engine that is killed', () => {
  const folder = temporaryFolder('docker-kills');
  const program = bundleFile('platforms/docker/killed.spec-support.ts', join(folder, 'killed.js'));
  const tally = new Tally();
  let world: DockerWorld;
  beforeAll(async () => { world = await DockerWorld.open(); }, 180_000);
  afterAll(() => world.close());

  async function order(name: string, version: string, strategy: StrategyOptions): Promise<DockerOrder> {
    const { source: _source, ...target } = world.target('kills', name, 'test');
    return {
      platform: 'docker', target,
      request: {
        run: `run-${randomUUID()}`, actor: { user: 'tester', host: 'here', pid: process.pid }, service: name, environment: 'test', strategy,
        change: {
          action: 'deploy', processes: { web: { fixed: 2 } },
          deployable: { artifact: await world.image({ fixture: 'steady', version }), config: { values: {}, secrets: [] }, spec: containerSpec({ health: { interval: 50, passes: 1 }, drain: 10_000, stopTimeout: 2_000 }) },
        },
        hooks: { before: [], after: [] }, deadline: 120_000, keep: 5, dryRun: false,
      },
    };
  }

  /** The number of writes where the walker came to its end; else which write it was killed at. */
  async function killed(wanted: DockerOrder, { at, when }: Point): Promise<string | number> {
    const steps = join(folder, wanted.request.run);
    const run = await startWalker({ runs: join(folder, 'runs'), run: wanted.request.run, program, order: { ...wanted, kill: { at, when, steps } } satisfies KilledOrder });
    let ended = false;
    try {
      for await (const message of attachRun(run)) ended = message.type === 'result';
    } catch (error) {
      if (asDeployError(error).code !== 'ND-INTERRUPTED') throw error;
    }
    const lines = readFileSync(steps, 'utf8').trim().split('\n');
    return ended ? lines.length : `killed ${typeof when === 'number' ? 'within' : when} ${lines[at - 1] ?? ''}`;
  }

  /** What does not hold after a kill, the next command included. */
  async function afterKill(service: ServiceUnderTest, name: string, version: string, strategy: StrategyOptions, warm: number, label: string): Promise<void> {
    tally.kills += 1;
    const { lock } = service.platform.state;
    const problems = [...await settled(LOCK_LIMIT, async () => (await lock.holder() === undefined ? [] : ['the lock is still held']))];
    const next = await service.deploy({ fixture: 'steady', version, instances: 2, strategy, health: { interval: 50, passes: 1 }, drain: 10_000, stopTimeout: 2_000 });
    if (next.outcome !== 'done' && next.outcome !== 'unchanged') tally.stuck.push(`${label}: ${next.outcome}, ${next.error?.code ?? ''} ${next.error?.what ?? ''} ${next.error?.why ?? ''}`);
    const whole = { web: { running: 2, ready: 2, draining: 0 } };
    problems.push(...await settled(SETTLE_LIMIT, async () => {
      const fleet = await service.platform.list();
      const others = Object.entries(fleet).filter(([id]) => id !== next.release);
      const names = world.docker(['ps', '--all', '--filter=label=io.nx-deploy.role=instance', `--filter=label=io.nx-deploy.service=${name}`, '--format={{.Names}}']).split('\n').filter((line) => line !== '');
      const { ok, broken } = await service.platform.state.ledger.verify();
      return [
        ...(JSON.stringify(fleet[next.release ?? '']) === JSON.stringify({ processes: whole, weight: 100 }) && others.length === warm ? [] : [`the fleet is ${JSON.stringify(fleet)}`]),
        ...(names.length === 2 * (1 + warm) ? [] : [`containers: ${names.join(' ')}`]),
        ...(await service.platform.state.journal.read() === undefined ? [] : ['the journal was left']),
        ...(ok ? [] : [`the ledger is broken: ${broken ?? ''}`]),
      ];
    }));
    if (problems.length > 0) tally.failed.push(`${label}: ${problems.join(', ')}`);
  }

  test.each(SOAK ? STRATEGIES : [inTurn(STRATEGIES, 0, SEED)])('in a $strategy.type deploy', async ({ strategy, least, warm }) => {
    const name = `killed-${strategy.type}`;
    const service = await world.service('kills', name, 'test');
    for (const version of ['2', '1']) expect(await service.deploy({ fixture: 'steady', version, instances: 2, strategy })).toMatchObject({ outcome: 'done' });
    const load = await startLoad({ url: await service.url(), rate: 100, mix: { get: 60, fresh: 25, post: 15 } });
    const versions = ['2', '3', '1'];
    const next = (): string => {
      const version = versions.shift() ?? '';
      versions.push(version);
      return version;
    };
    try {
      const writes = await killed(await order(name, next(), strategy), NEVER);
      expect(writes).toBeGreaterThanOrEqual(least);
      const each = Array.from({ length: Number(writes) }, (_, index) => index + 1);
      const first = random(WHENS.length);
      const points = SOAK ? each.flatMap((at) => WHENS.map((when) => ({ at, when }))) : sampleOf(each, SAMPLE, random).map((at, index) => ({ at, when: inTurn(WHENS, index, first) }));
      for (const point of points) {
        const version = next();
        const label = await killed(await order(name, version, strategy), point);
        if (typeof label === 'string') await afterKill(service, name, version, strategy, warm, `${strategy.type}, ${label}`);
      }
    } finally {
      const report = await load.stop();
      expect(report).toMatchObject({ failures: 0, firstFailures: [] });
      process.stdout.write(`docker ${strategy.type}: ${String(tally)}; ${report.sent} requests, ${report.failures} failed, longest gap ${Math.round(report.longestGapMs)} ms (NX_DEPLOY_SEED=${SEED})\n`);
    }
    expect(tally.kills).toBeGreaterThan(0);
    expect({ failed: tally.failed, stuck: tally.stuck }).toEqual({ failed: [], stuck: [] });
  }, 1_800_000);
});
