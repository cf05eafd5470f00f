/** The platform with podman: no daemon, no API that is dialled, and answers of another form. */
import { find } from '../../../../../tools/bench/programs.js';
import { lackOfEngine } from '../../../../../tools/images/engine.js';
import { HAPROXY_PROGRAMS } from '../../../../../tools/images/haproxy-image.js';
import { describeUnless } from '../../../../../tools/images/needs.spec-support.js';
import { startLoad } from '../../../../../tools/load/launch.js';
import { SOAK } from '../../../../../tools/testing/sample.js';
import type { ServiceOrder } from '../contract/harness.js';
import { answer } from '../contract/traffic.js';
import { openDocker } from './index.js';
import { ROUTER } from './router-arguments.js';
import { DockerWorld } from './place.spec-support.js';

jest.setTimeout(240_000);

/** Of a soak alone. */
const soak = SOAK ? test : test.skip;

const STEADY: ServiceOrder = { fixture: 'steady', version: '1', instances: 2, health: { interval: 50, passes: 1 }, drain: 5_000, stopTimeout: 2_000 };
const actor = { user: 'tester', host: 'here', pid: 1 };

describeUnless(lackOfEngine() ?? ['podman', 'runc', ...HAPROXY_PROGRAMS].map((name) => (find(name) === undefined ? `not installed: ${name}` : undefined)).find((lack) => lack !== undefined), 'with podman', () => {
  let world: DockerWorld;
  beforeAll(async () => { world = await DockerWorld.openPodman(); }, 180_000);
  afterAll(() => world.close());

  it('a service is deployed, replaced and rolled back under load without a failed request, and what never gets ready is taken back', async () => {
    const service = await world.service('podman', 'api', 'test');
    const first = await service.deploy(STEADY);
    expect(first).toMatchObject({ outcome: 'done' });
    const load = await startLoad({ url: await service.url(), rate: 50, mix: { get: 60, fresh: 30, post: 10 } });
    expect(await service.deploy({ ...STEADY, version: '2' })).toMatchObject({ outcome: 'done' });
    expect(await service.deploy({ ...STEADY, fixture: 'never-healthy', version: '3', health: { interval: 50, passes: 1, timeout: 2_000 } })).toMatchObject({ outcome: 'restored', error: { code: 'ND-NOT-READY' } });
    const back = await service.rollback();
    expect({ error: 'none', ...back }).toMatchObject({ outcome: 'done', release: first.release, error: 'none' });
    const report = await load.stop();
    expect(report).toMatchObject({ failures: 0, firstFailures: [] });
    expect((await answer(await service.url())).release).toBe(first.release);
    const lines: string[] = [];
    for await (const line of service.platform.logs(first.release, {})) lines.push(line.text);
    expect(lines.join('\n')).toContain('listening');
    expect(await service.platform.state.ledger.verify()).toMatchObject({ ok: true });
  });

  soak('one at a time holds the lock, and a router that was ended comes back with all routes', async () => {
    const service = await world.service('podman', 'again', 'test');
    const first = await service.deploy(STEADY);
    const lease = await service.platform.state.lock.acquire({ run: 'other', action: 'deploy', actor, since: new Date().toISOString() });
    expect(await service.deploy({ ...STEADY, version: '2' })).toMatchObject({ outcome: 'refused', error: { code: 'ND-LOCKED' } });
    await lease.release();
    world.docker(['kill', ROUTER]);
    expect(await service.deploy({ ...STEADY, instances: 3 })).toMatchObject({ outcome: 'done', release: first.release });
    expect((await answer(await service.url())).release).toBe(first.release);
  });

  soak('a router of another image is brought in where podman can let the old one go; else that is refused, and the old one serves', async () => {
    world.docker(['tag', 'haproxy:spec', 'haproxy:second']);
    const service = await world.service('podman', 'upgraded', 'test');
    await service.deploy(STEADY);
    const session = await openDocker(world.target('podman', 'upgraded', 'test', { place: { ...world.place(), router: { image: 'haproxy:second', network: 'host' } } }));
    const lease = await session.platform.state.lock.acquire({ run: 'repair', action: 'repair', actor, since: new Date().toISOString() });
    const able = world.docker(['update', '--help']).includes('--restart');
    try {
      const mended = session.platform.mend();
      if (able) expect(await mended).toContain('the router runs haproxy:second now');
      else await expect(mended).rejects.toMatchObject({ code: 'ND-ENGINE-UNSUPPORTED', parts: { what: 'the router cannot be replaced' } });
    } finally {
      await lease.release();
      await session.close();
    }
    expect((await answer(await service.url())).status).toBe(200);
    expect(world.docker(['ps', '--format={{.Names}}']).split('\n').filter((name) => name.startsWith(ROUTER))).toEqual([ROUTER]);
  });
});
