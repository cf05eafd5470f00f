/** The job on which other tools were measured, as one: four deploys and a rollback, one way after the other, under mixed requests. Takes minutes, so that a soak alone runs it. */
import { lackOfEngine } from '../../../../../tools/images/engine.js';
import { describeUnless } from '../../../../../tools/images/needs.spec-support.js';
import { startLoad } from '../../../../../tools/load/launch.js';
import { SOAK } from '../../../../../tools/testing/sample.js';
import type { StrategyOptions } from '../../config/resolved.js';
import type { ServiceOrder } from '../contract/harness.js';
import { answer } from '../contract/traffic.js';
import { DockerWorld } from './place.spec-support.js';

jest.setTimeout(600_000);

const RATE = 300;
const shared = { smoke: [{ path: '/health', status: 200 }], keepWarm: 60_000, soak: 0 };
const WAYS: readonly StrategyOptions[] = [
  { type: 'rolling', batch: 25 }, { type: 'rolling', batch: 100 }, { type: 'blue-green', ...shared }, { type: 'canary', ...shared, sticky: false, steps: [{ weight: 10, soak: 2_000 }, { weight: 50, soak: 2_000 }] },
];

(SOAK ? describeUnless : (_lack: unknown, name: string, body: () => void) => describe.skip(name, body))(lackOfEngine(), 'the whole job', () => {
  let world: DockerWorld;
  beforeAll(async () => { world = await DockerWorld.open(); }, 180_000);
  afterAll(() => world.close());

  test('four deploys and a rollback to a warm release, 300 requests a second, each tenth of two seconds', async () => {
    const service = await world.service('gauntlet', 'api', 'test');
    const order: ServiceOrder = { fixture: 'steady', version: '0', instances: 4, health: { interval: 50, passes: 1 }, drain: 30_000, stopTimeout: 5_000 };
    await service.deploy(order);
    for (const [index] of WAYS.entries()) await world.image({ fixture: 'steady', version: String(index + 1) });
    const load = await startLoad({ url: await service.url(), rate: RATE, mix: { get: 60, fresh: 10, post: 20, slow: 10 }, slowMs: 2_000 });
    const began = performance.now();
    const times: string[] = [];
    for (const [index, strategy] of WAYS.entries()) {
      const result = await service.deploy({ ...order, version: String(index + 1), strategy });
      expect(result).toMatchObject({ outcome: 'done' });
      times.push(`${strategy.type} ${Math.round(result.durationMs)} ms`);
    }
    const back = await service.rollback(undefined, WAYS[3]);
    expect(back).toMatchObject({ outcome: 'done' });
    const seconds = (performance.now() - began) / 1_000;
    const report = await load.stop();
    process.stdout.write(`gauntlet: ${times.join(', ')}, rollback to warm ${Math.round(back.durationMs)} ms; ${report.sent} requests, ${Math.round(report.sent / seconds)} of ${RATE} a second reached, ${report.failures} failed, longest gap ${Math.round(report.longestGapMs)} ms\n`);
    expect(report).toMatchObject({ failures: 0, firstFailures: [] });
    expect((await answer(await service.url())).release).toBe(back.release);
  });
});
