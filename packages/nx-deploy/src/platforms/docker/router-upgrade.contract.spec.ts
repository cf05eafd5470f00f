/** The router of a real engine is replaced by one of another image, while it is in use. */
import { get, Agent } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { describeWithEngine } from '../../../../../tools/images/engine.spec-support.js';
import { HAPROXY_PROGRAMS } from '../../../../../tools/images/haproxy-image.js';
import { startLoad } from '../../../../../tools/load/launch.js';
import { A, closeAll, freePort, route, service } from '../../routers/haproxy/haproxy.spec-support.js';
import { until } from '../../shell/programs.spec-support.js';
import { freeAddress, readSubnet } from './network.js';
import { leavingName, NEXT_ROUTER, routerArguments } from './router-arguments.js';
import { clientOf, IMAGE, loadOtherRouterImage, loadRouterImage, occupy, ROUTER, routersOf, routeTo, startInstance, type Routers } from './router.spec-support.js';

const SOAK = process.env['NX_DEPLOY_SOAK'] === '1';
/** What takes long, or is seen in other ways as well. */
const soak = SOAK ? it : it.skip;
const OTHER = 'haproxy:other';
const nothing = () => Promise.resolve([]);
const never = () => Promise.reject(new Error('nobody asked for that'));

describeWithEngine('another router in the place of one', (engine) => {
  let routers: Routers;
  beforeAll(async () => {
    await loadRouterImage(engine());
    await loadOtherRouterImage(engine(), OTHER);
    routers = routersOf(engine());
  }, 180_000);
  afterEach(async () => {
    await routers.clear();
    await closeAll();
  }, 60_000);
  const names = (): readonly string[] => engine().docker(['ps', '--all', '--format={{.Names}} {{.Image}}']).trim().split('\n').sort();
  const answer = (port: number): Promise<string> => fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' }, signal: AbortSignal.timeout(5_000) }).then((response) => response.text(), () => 'refused');

  it('on the host\'s network takes its sockets and loses no request, of whatever kind, and what was in flight finishes', async () => {
    await routers.open().ensure(nothing);
    const router = routers.open({ image: OTHER });
    const [instance, port] = [await service(A, '1'), await freePort()];
    await router.router.set(route(port, [instance.target], { [A]: 100 }));
    const load = await startLoad({ url: `http://127.0.0.1:${port}`, rate: 100, mix: { get: 50, fresh: 30, post: 10, slow: 10 }, slowMs: 2_000 });
    await sleep(500);
    const began = performance.now();
    const upgraded = router.upgrade(never, 90_000);
    await until('the new one has the name', () => names().includes(`${ROUTER} ${OTHER}`), 60_000);
    const took = performance.now() - began;
    // Its routes are changed while the old one still finishes.
    await router.router.set(route(await freePort(), [instance.target], { [A]: 100 }, { key: 'other' }));
    await sleep(1_500);
    const report = await load.stop();
    expect(await upgraded).toEqual([`the router runs ${OTHER} now`]);
    process.stdout.write(`router upgraded in ${Math.round(took)} ms: ${report.sent} requests, ${report.failures} failed, longest gap ${Math.round(report.longestGapMs)} ms; the old one ended after ${Math.round(performance.now() - began)} ms\n`);
    expect(report).toMatchObject({ failures: 0, firstFailures: [] });
    expect(names()).toEqual([`${ROUTER} ${OTHER}`]);
    expect(await router.upgrade(never)).toEqual([]);
    expect(await router.router.routes()).toHaveLength(2);
    // Started again it opens sockets of its own.
    engine().docker(['kill', ROUTER]);
    expect(await router.ensure(never)).toEqual(['the router was stopped: started again']);
    expect((await fetch(`http://127.0.0.1:${port}/`)).ok).toBe(true);
  }, 240_000);

  soak('hands what an idle client still asks from the old one to the new one', async () => {
    await routers.open().ensure(nothing);
    const router = routers.open({ image: OTHER });
    const [instance, port] = [await service(A, '1'), await freePort()];
    await router.router.set(route(port, [instance.target], { [A]: 100 }));
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const ask = (): Promise<string> => new Promise((resolve, reject) => {
      get({ host: '127.0.0.1', port, agent }, (reply) => { reply.resume().once('end', () => resolve(`${String(reply.statusCode)} ${String(reply.headers['connection'])}`)); }).once('error', reject);
    });
    expect(await ask()).toBe('200 undefined');
    await router.upgrade(never, 0);
    const successor = await service(A, '2');
    await router.router.set(route(port, [successor.target], { [A]: 100 }));
    // The old one is not asked what it has in flight: it counts as long as it is there.
    expect(await router.router.drained('api (test, acme)', instance.target, 300)).toBe(false);
    await instance.stop();
    expect(await ask()).toBe('200 close');
    expect(await router.router.drained('api (test, acme)', instance.target, 20_000)).toBe(true);
    agent.destroy();
    expect(names()).toEqual([`${ROUTER} ${OTHER}`]);
  }, 180_000);

  it('is finished by the next command when it was killed in between, and left alone while another command is at it', async () => {
    await routers.open().ensure(nothing);
    const router = routers.open();
    const start = { image: OTHER, network: 'host', ports: [], token: 'x' } as const;
    // Killed when the new one runs beside the old one.
    engine().docker([...routerArguments(start, NEXT_ROUTER)]);
    const id = engine().docker(['inspect', '--format={{.Id}}', ROUTER]).trim();
    await router.ensure(never);
    await until('the old one has ended', () => engine().docker(['inspect', '--format={{.State.Status}}', leavingName(id)]).trim() === 'exited');
    expect(await router.router.drained('none', { id: 'x/y' }, 5_000)).toBe(true);
    expect(names()).toEqual([`${ROUTER} ${OTHER}`]);
    // Killed before it ran.
    engine().docker(['create', `--name=${NEXT_ROUTER}`, '--label=io.nx-deploy.role=router', IMAGE]);
    await router.ensure(never);
    expect(names()).toEqual([`${ROUTER} ${OTHER}`]);
    // Killed when the old one had left its name.
    engine().docker(['rename', ROUTER, NEXT_ROUTER]);
    await router.ensure(never);
    expect(names()).toEqual([`${ROUTER} ${OTHER}`]);
  }, 180_000);

  soak('is not done by an image that cannot do it', async () => {
    const router = routers.open();
    await router.ensure(nothing);
    engine().docker(['create', '--name=broken', IMAGE]);
    engine().docker(['cp', '/bin/false', 'broken:/usr/local/bin/haproxy']);
    engine().docker(['commit', 'broken', 'haproxy:broken']);
    engine().docker(['rm', 'broken']);
    const id = engine().docker(['inspect', '--format={{.Id}}', ROUTER]).trim();
    await expect(routers.open({ image: 'haproxy:broken' }).upgrade(never)).rejects.toMatchObject({ code: 'ND-ROUTER-FAILED', parts: { why: 'haproxy:broken does not take its configuration' } });
    await expect(routers.open({ image: 'nope.invalid/haproxy:1' }).upgrade(never)).rejects.toMatchObject({ code: 'ND-ARTIFACT-MISSING' });
    expect(engine().docker(['inspect', '--format={{.Id}} {{.State.Status}}', ROUTER]).trim()).toBe(`${id} running`);
    expect(names()).toHaveLength(1);
  }, 120_000);

  it('with published ports is reached at the address that was asked for, and nowhere else', async () => {
    const router = routers.open({ network: 'published' });
    expect(await router.ensure(nothing)).toEqual([]);
    const [address, port] = [freeAddress((await readSubnet(clientOf(engine())))!, [])!, await freePort()];
    startInstance(engine(), 'first', address);
    await router.router.set(routeTo(port, [address]));
    expect(await until('it answers', async () => (await answer(port)) === 'first')).toBe(true);
    expect(engine().docker(['port', ROUTER]).trim()).toBe(`${port}/tcp -> 127.0.0.1:${port}`);
    expect(await router.probe([{ host: address, port: 8_080, path: '/', timeout: 2_000 }])).toEqual([{ status: 200 }]);
    const id = engine().docker(['inspect', '--format={{.Id}}', ROUTER]).trim();
    await router.router.set(routeTo(port, [address], { drain: 40_000 }));
    expect(engine().docker(['inspect', '--format={{.Id}}', ROUTER]).trim()).toBe(id);
    await expect(router.router.set(routeTo(port, [address], { key: 'clash', listen: { address: '127.0.0.2', port } }))).rejects.toMatchObject({ code: 'ND-LISTEN-CONFLICT' });
  }, 120_000);

  soak('with published ports is made anew for another port, and for another image, with a gap that is told', async () => {
    const router = routers.open({ network: 'published' });
    await router.ensure(nothing);
    const address = freeAddress((await readSubnet(clientOf(engine())))!, [])!;
    startInstance(engine(), 'first', address);
    const [port, second] = [await freePort(), await freePort()];
    await router.router.set(routeTo(port, [address]));
    await until('it answers', async () => (await answer(port)) === 'first');
    let [down, longest] = [performance.now(), 0];
    let watching = true;
    const watch = (async () => {
      while (watching) {
        if (await answer(port) === 'first') {
          longest = Math.max(longest, performance.now() - down);
          down = performance.now();
        }
        await sleep(5);
      }
    })();
    await router.router.set(routeTo(second, [address], { key: 'second' }));
    await until('both answer', async () => (await answer(port)) === 'first' && (await answer(second)) === 'first');
    watching = false;
    await watch;
    process.stdout.write(`router with published ports: made anew for another port with a gap of ${Math.round(longest)} ms\n`);
    expect(longest).toBeLessThan(10_000);
    const taken = await occupy(await freePort());
    const foreign = (taken.address() as { port: number }).port;
    await expect(router.router.set(routeTo(foreign, [address], { key: 'third' }))).rejects.toMatchObject({ code: 'ND-PORT-TAKEN' });
    await new Promise((done) => taken.close(done));
    expect(await until('it answers again', async () => (await answer(port)) === 'first')).toBe(true);
    expect(await router.router.routes()).toHaveLength(2);
    expect(names()).toHaveLength(2);
    // One that asks for the other mode gets on with what there is.
    const host = routers.open();
    expect(await host.ensure(never)).toEqual([expect.stringContaining('was made for the network mode published')]);
    await host.router.set(routeTo(second, [address], { key: 'second', drain: 50_000 }));
    expect(await answer(second)).toBe('first');
    expect(await routers.open({ network: 'published', image: OTHER }).upgrade(never)).toEqual([`the router runs ${OTHER} now`]);
    expect(await until('it answers again', async () => (await answer(port)) === 'first')).toBe(true);
    engine().docker(['rm', '--force', ROUTER]);
    expect(await host.ensure(never)).toEqual([]);
    expect(await answer(second)).toBe('first');
  }, 240_000);
}, { programs: HAPROXY_PROGRAMS, own: true });
