/** What goes wrong on an engine: each time one clear error or a repair, nothing foreign is touched, and what serves goes on. */
import { execFileSync } from 'node:child_process';
import { rmSync, statfsSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { lackOfEngine } from '../../../../../tools/images/engine.js';
import { describeUnless } from '../../../../../tools/images/needs.spec-support.js';
import { startLoad } from '../../../../../tools/load/launch.js';
import { SEED, SOAK } from '../../../../../tools/testing/sample.js';
import { answer } from '../contract/traffic.js';
import type { ServiceOrder } from '../contract/harness.js';
import { until } from '../../shell/programs.spec-support.js';
import { imageTag, instanceName } from './arguments.js';
import { openDocker } from './index.js';
import { ROUTER, ROUTER_VOLUME } from './router-arguments.js';
import { DockerWorld } from './place.spec-support.js';

const STEADY: ServiceOrder = { fixture: 'steady', version: '1', instances: 1, health: { interval: 50, passes: 1 }, drain: 10_000, stopTimeout: 2_000 };

jest.setTimeout(240_000);

/** An ordinary run takes one half, as the seed has it; a soak takes both. */
function half(which: 0 | 1): typeof test {
  return SOAK || SEED % 2 === which ? test : test.skip;
}

describeUnless(lackOfEngine(), 'trouble on an engine', () => {
  let world: DockerWorld;
  beforeAll(async () => { world = await DockerWorld.open(); }, 180_000);
  afterAll(() => world.close());

  const idOf = (name: string): string => world.docker(['ps', '--all', '--quiet', '--no-trunc', `--filter=name=^/?${name}$`]).trim();
  const stateOf = (name: string): string => world.docker(['inspect', '--format={{.State.Status}}', name]).trim();

  half(0)('containers of somebody else are never stopped, renamed or removed, whatever is done', async () => {
    const foreign = ['by-hand', 'nx-deploy-instance-by-hand', 'compose-web-1'];
    for (const name of foreign) world.docker(['run', '--detach', `--name=${name}`, '--label=com.docker.compose.project=shop', 'node:spec', 'node', '-e', 'setInterval(() => {}, 1000)']);
    const before = foreign.map(idOf);
    const service = await world.service('trouble', 'foreign', 'test');
    for (const version of ['1', '2']) expect(await service.deploy({ ...STEADY, version })).toMatchObject({ outcome: 'done' });
    expect(await service.rollback()).toMatchObject({ outcome: 'done' });
    for (const id of Object.keys(await service.platform.list())) await service.platform.scale(id, { web: { fixed: 0 } });
    expect(foreign.map(idOf)).toEqual(before);
    expect(foreign.map(stateOf)).toEqual(['running', 'running', 'running']);
    for (const name of foreign) world.docker(['rm', '--force', name]);
  });

  half(1)('a foreign container that has the name of an instance stops the deploy, and is left alone', async () => {
    const service = await world.service('trouble', 'conflict', 'test');
    const good = await service.deploy(STEADY);
    const { release: next = '' } = await service.deploy({ ...STEADY, version: '2', dryRun: true });
    const name = instanceName({ key: { workspace: 'trouble', service: 'conflict', environment: 'test' }, release: { ...await service.release(good.release ?? ''), id: next }, process: 'web', slot: 1 });
    world.docker(['run', '--detach', `--name=${name}`, 'node:spec', 'node', '-e', 'setInterval(() => {}, 1000)']);
    const id = idOf(name);
    const refused = await service.deploy({ ...STEADY, version: '2' });
    expect(refused).toMatchObject({ outcome: 'restored', error: { code: 'ND-OWNER-CONFLICT' } });
    expect([idOf(name), stateOf(name)]).toEqual([id, 'running']);
    expect((await answer(await service.url())).release).toBe(good.release);
    world.docker(['rm', '--force', name]);
    expect(await service.deploy({ ...STEADY, version: '2' })).toMatchObject({ outcome: 'done', release: next });
  });

  half(1)('a router that was killed by hand is told of, and started again by the next deploy with all routes', async () => {
    const [one, other] = [await world.service('trouble', 'killed', 'test'), await world.service('trouble', 'beside', 'test')];
    for (const service of [one, other]) await service.deploy(STEADY);
    const urls = [await one.url(), await other.url()];
    world.docker(['kill', ROUTER]);
    const heard: string[] = [];
    const session = await openDocker(world.target('trouble', 'killed', 'test', { onNote: (text) => heard.push(text) }));
    expect(await session.notes()).toEqual([expect.stringMatching(/router does not run.*deploy or repair/)]);
    expect(await session.platform.list()).toMatchObject({ [Object.keys(await session.platform.list())[0] ?? '']: { weight: 0 } });
    const lease = await session.platform.state.lock.acquire({ run: 'look', action: 'repair', actor: { user: 'tester', host: 'here', pid: 1 }, since: new Date().toISOString() });
    await lease.release();
    expect(heard).toEqual(['the router was stopped: started again']);
    await session.close();
    world.docker(['kill', ROUTER]);
    expect(await one.deploy({ ...STEADY, version: '2' })).toMatchObject({ outcome: 'done' });
    expect([await one.url(), await other.url()]).toEqual(urls);
    for (const url of urls) expect((await answer(url)).status).toBe(200);
  });

  half(0)('a router that lost its state gets all routes of all services back', async () => {
    const [one, other] = [await world.service('trouble', 'lost', 'test'), await world.service('trouble', 'lost-too', 'test')];
    for (const service of [one, other]) await service.deploy(STEADY);
    const urls = [await one.url(), await other.url()];
    world.docker(['rm', '--force', ROUTER]);
    world.docker(['volume', 'rm', ROUTER_VOLUME]);
    expect(await one.deploy({ ...STEADY, instances: 2 })).toMatchObject({ outcome: 'done' });
    for (const url of urls) expect((await answer(url)).status).toBe(200);
  });

  half(1)('a port that another program has is refused with its number, and what runs goes on', async () => {
    const blocker = createServer().listen(0, '127.0.0.1');
    await new Promise((done) => blocker.once('listening', done));
    const { port } = blocker.address() as { port: number };
    const fixed = await world.service('trouble', 'taken', 'test', { listen: { address: '127.0.0.1', port } });
    const refused = await fixed.deploy(STEADY);
    expect(refused).toMatchObject({ outcome: 'restored', error: { code: 'ND-PORT-TAKEN' } });
    expect(JSON.stringify(refused.error)).toContain(String(port));
    expect(await fixed.platform.list()).toEqual({});
    blocker.close();
    expect(await fixed.deploy(STEADY)).toMatchObject({ outcome: 'done', url: `http://127.0.0.1:${port}` });
  });

  half(0)('an image that is nowhere is named, and nothing has changed', async () => {
    const service = await world.service('trouble', 'missing', 'test');
    const good = await service.deploy(STEADY);
    const { config } = await world.image({ fixture: 'steady', version: 'gone' });
    world.docker(['image', 'rm', '--force', config]);
    expect(await service.deploy({ ...STEADY, version: 'gone' })).toMatchObject({ outcome: 'refused', error: { code: 'ND-ARTIFACT-MISSING' } });
    expect(Object.keys(await service.platform.list())).toEqual([good.release]);
    // Somebody tidied up: the image of an earlier release is gone, and with it the way back.
    const second = await service.deploy({ ...STEADY, version: '2' });
    world.docker(['image', 'rm', '--force', imageTag({ workspace: 'trouble', service: 'missing', environment: 'test' }, good.release ?? '')]);
    expect(await service.rollback()).toMatchObject({ outcome: 'refused' });
    expect((await answer(await service.url())).release).toBe(second.release);
  });

  test('an engine that does not answer is one error', async () => {
    await expect(openDocker({ ...world.target('trouble', 'far', 'test'), variables: { ...world.variables, DOCKER_HOST: 'unix:///nowhere/docker.sock' } })).rejects.toMatchObject({ code: 'ND-ENGINE-UNREACHABLE' });
    await expect(openDocker({ ...world.target('trouble', 'far', 'test'), place: { ...world.place(), context: 'nope' } })).rejects.toMatchObject({ code: 'ND-ENGINE-UNREACHABLE' });
    // An engine of this machine is looked at without its client, and changed with it.
    await expect(openDocker({ ...world.target('trouble', 'far', 'test'), variables: { ...world.variables, PATH: '/nowhere' } }, 'change')).rejects.toMatchObject({ code: 'ND-ENGINE-MISSING' });
  });

  test('another workspace of the same name is refused', async () => {
    const service = await world.service('trouble', 'owned', 'test');
    await service.deploy(STEADY);
    await expect(openDocker(world.target('trouble', 'owned', 'test', { owner: 'somebody else' }))).rejects.toMatchObject({ code: 'ND-OWNER-CONFLICT' });
  });

  half(0)('an instance that ends is started again by the engine, at the address that it had, and no request of the others fails', async () => {
    const service = await world.service('trouble', 'restarted', 'test');
    const { release = '' } = await service.deploy({ ...STEADY, instances: 2 });
    const load = await startLoad({ url: await service.url(), rate: 50, mix: { get: 60, fresh: 40 } });
    await sleep(500);
    // All that runs in it but its first process, which ends then.
    const [name = ''] = world.docker(['ps', '--filter=label=io.nx-deploy.service=restarted', '--filter=label=io.nx-deploy.slot=1', '--format={{.Names}}']).split('\n');
    try {
      world.docker(['exec', name, 'sh', '-c', 'kill -9 -1']);
    } catch {
      // Its own shell is among them.
    }
    await sleep(3_000);
    const report = await load.stop();
    expect(report).toMatchObject({ failures: 0 });
    expect(await service.platform.list()).toMatchObject({ [release]: { processes: { web: { running: 2, ready: 2 } }, crashes: 1 } });
  });

  half(1)('another image of the router is told of by a deploy and brought in by a repair, without a failed request', async () => {
    world.docker(['create', '--name=other-router', 'haproxy:spec']);
    world.docker(['commit', '--change=LABEL other=1', 'other-router', 'haproxy:other']);
    world.docker(['rm', 'other-router']);
    const service = await world.service('trouble', 'upgraded', 'test');
    await service.deploy(STEADY);
    const session = await openDocker(world.target('trouble', 'upgraded', 'test', { place: { ...world.place(), router: { image: 'haproxy:other', network: 'host' } } }));
    const lease = await session.platform.state.lock.acquire({ run: 'repair', action: 'repair', actor: { user: 'tester', host: 'here', pid: 1 }, since: new Date().toISOString() });
    const load = await startLoad({ url: await service.url(), rate: 50, mix: { get: 60, fresh: 25, post: 15 } });
    try {
      expect(await session.notes()).toEqual([expect.stringMatching(/another image than haproxy:other.*a repair upgrades it/)]);
      expect(await session.platform.mend()).toContain('the router runs haproxy:other now');
    } finally {
      await lease.release();
      await session.close();
      expect(await load.stop()).toMatchObject({ failures: 0, firstFailures: [] });
    }
    expect(world.docker(['inspect', '--format={{.Config.Image}}', ROUTER]).trim()).toBe('haproxy:other');
    await world.reconnect();
  });

  half(0)('an engine that loses its power in the middle of a deploy has every service back, and the next deploy reaches what was wanted', async () => {
    const [service, beside] = [await world.service('trouble', 'power', 'test'), await world.service('trouble', 'power-beside', 'test')];
    for (const each of [service, beside]) await each.deploy({ ...STEADY, instances: 2 });
    const urls = [await service.url(), await beside.url()];
    let lost: Promise<void> | undefined;
    const cut = await service.deploy({
      ...STEADY, instances: 2, version: '2',
      watch: (event) => { if (event.type === 'waiting' && lost === undefined) lost = world.engine.restart?.(); },
    });
    expect(['restored', 'not-restored', 'refused']).toContain(cut.outcome);
    expect(cut.error?.code).toMatch(/^ND-/);
    await lost;
    await world.reconnect();
    for (const url of urls) await until(`${url} answers`, async () => (await answer(url).catch(() => undefined))?.status === 200, 60_000);
    const [again, other] = [await world.service('trouble', 'power', 'test'), await world.service('trouble', 'power-beside', 'test')];
    expect(await again.deploy({ ...STEADY, instances: 2, version: '2' })).toMatchObject({ outcome: expect.stringMatching(/done|unchanged/) as string });
    expect(Object.values(await again.platform.list())).toMatchObject([{ processes: { web: { running: 2, ready: 2 } }, weight: 100 }]);
    expect((await answer(await other.url())).status).toBe(200);
    expect(await again.platform.state.ledger.verify()).toMatchObject({ ok: true });
  });

  half(0)('a full disk of the engine stops a deploy by its name; what serves goes on, and with room again the deploy is done', async () => {
    const small = await DockerWorld.open({ disk: '900m' });
    try {
      const service = await small.service('trouble', 'full', 'test');
      const good = await service.deploy(STEADY);
      await small.image({ fixture: 'steady', version: '2' });
      const ballast = join(small.folder, 'ballast');
      const fill = (): void => {
        const { bavail, bsize } = statfsSync(small.folder);
        execFileSync('fallocate', ['--length', String((bavail - 1) * bsize), ballast]);
      };
      const load = await startLoad({ url: await service.url(), rate: 50, mix: { get: 60, fresh: 40 } });
      fill();
      // The state cannot be read, or the lock not be taken.
      const early = await service.deploy({ ...STEADY, version: '2' }).then(({ error }) => error, (error: unknown) => error);
      expect(early).toMatchObject({ code: 'ND-DISK-FULL' });
      rmSync(ballast);
      // Now it gets full while the deploy is under way.
      const full = await service.deploy({ ...STEADY, version: '2', watch: (event) => { if (event.type === 'plan') fill(); } });
      expect(['restored', 'not-restored', 'refused']).toContain(full.outcome);
      expect(full.error).toMatchObject({ code: 'ND-DISK-FULL' });
      rmSync(ballast);
      await small.reconnect();
      const again = await small.service('trouble', 'full', 'test');
      expect((await answer(await again.url())).release).toBe(good.release);
      expect(await again.deploy({ ...STEADY, version: '2' })).toMatchObject({ outcome: 'done' });
      expect(await load.stop()).toMatchObject({ failures: 0, firstFailures: [] });
      expect(await again.platform.state.ledger.verify()).toMatchObject({ ok: true });
    } finally {
      await small.close();
    }
  });

  half(1)('where ports are published no request fails either, but when a service needs another port: then there is a gap that is told', async () => {
    const apart = await DockerWorld.open();
    try {
      const place = { place: { ...apart.place(), router: { image: 'haproxy:spec', network: 'published' as const } } };
      const service = await apart.service('trouble', 'published', 'test', place);
      const first = await service.deploy({ ...STEADY, instances: 2 });
      expect(first).toMatchObject({ outcome: 'done' });
      const url = await service.url();
      const load = await startLoad({ url, rate: 50, mix: { get: 60, fresh: 30, post: 10 } });
      expect(await service.deploy({ ...STEADY, instances: 2, version: '2' })).toMatchObject({ outcome: 'done' });
      expect(await service.rollback()).toMatchObject({ outcome: 'done', release: first.release });
      expect(await load.stop()).toMatchObject({ failures: 0, firstFailures: [] });
      const during = await startLoad({ url, rate: 50, mix: { get: 60, fresh: 40 } });
      const beside = await apart.service('trouble', 'published-beside', 'test', place);
      expect(await beside.deploy(STEADY)).toMatchObject({ outcome: 'done' });
      await sleep(500);
      const report = await during.stop();
      process.stdout.write(`published ports, a service more: ${report.failures} of ${report.sent} failed, longest gap ${Math.round(report.longestGapMs)} ms\n`);
      expect(report.longestGapMs).toBeLessThan(5_000);
      expect([(await answer(url)).release, (await answer(await beside.url())).status]).toEqual([first.release, 200]);
    } finally {
      await apart.close();
    }
  });

  half(1)('two engines are two worlds', async () => {
    const second = await DockerWorld.open();
    try {
      const [here, there] = [await world.service('trouble', 'worlds', 'test'), await second.service('trouble', 'worlds', 'test')];
      const [one, other] = [await here.deploy({ ...STEADY, version: 'here' }), await there.deploy({ ...STEADY, version: 'there' })];
      expect([await answer(await here.url()), await answer(await there.url())]).toMatchObject([{ release: one.release, body: expect.stringContaining('here') as string }, { release: other.release, body: expect.stringContaining('there') as string }]);
      expect(Object.keys(await here.platform.list())).toEqual([one.release]);
      expect((await there.platform.state.ledger.entries()).length).toBe(2);
    } finally {
      await second.close();
    }
  });
});
