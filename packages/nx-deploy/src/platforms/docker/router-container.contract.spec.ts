/** The router of a real engine, in every state in which it can be met. */
import { isDeepStrictEqual } from 'node:util';
import { describeWithEngine } from '../../../../../tools/images/engine.spec-support.js';
import { HAPROXY_PROGRAMS } from '../../../../../tools/images/haproxy-image.js';
import { closeAll, freePort } from '../../routers/haproxy/haproxy.spec-support.js';
import { until } from '../../shell/programs.spec-support.js';
import { createArguments, freeAddress, NETWORK, readSubnet, takenAddresses } from './network.js';
import { ROUTER_VOLUME } from './router-arguments.js';
import { clientOf, IMAGE, loadRouterImage, occupy, RELEASE, ROUTER, routersOf, routeTo, startInstance, type Routers } from './router.spec-support.js';

const ROUNDS = process.env['NX_DEPLOY_SOAK'] === '1' ? 200 : 3;
const nothing = () => Promise.resolve([]);
const never = () => Promise.reject(new Error('nobody asked for that'));

describeWithEngine('the router of an engine', (engine) => {
  let routers: Routers;
  beforeAll(async () => {
    await loadRouterImage(engine(), 'haproxy:other');
    routers = routersOf(engine());
  }, 180_000);
  afterEach(async () => {
    await routers.clear();
    await closeAll();
  }, 60_000);
  const container = (field: string): string => engine().docker(['inspect', `--format={{${field}}}`, ROUTER]).trim();
  const body = (port: number): Promise<string> => fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } }).then((response) => response.text(), () => 'refused');

  it('is made where there is none, once when two ask at the same time, and reaches instances by addresses that they keep', async () => {
    const [one, two] = [routers.open(), routers.open()];
    expect(await one.look()).toEqual({ state: 'absent' });
    const began = performance.now();
    expect(await Promise.all([one.ensure(nothing), two.ensure(nothing)])).toEqual([[], []]);
    const made = performance.now() - began;
    expect(await one.look()).toEqual({ state: 'running', image: IMAGE });
    const again = performance.now();
    expect(await one.ensure(never)).toEqual([]);
    const looked = performance.now() - again;
    const client = clientOf(engine());
    const subnet = (await readSubnet(client))!;
    const address = freeAddress(subnet, await takenAddresses(client))!;
    startInstance(engine(), 'first', address);
    expect(await takenAddresses(client)).toEqual([address]);
    const port = await freePort();
    await one.router.set(routeTo(port, [address]));
    expect(await until('it answers', async () => (await body(port)) === 'first')).toBe(true);
    const second = freeAddress(subnet, await takenAddresses(client))!;
    startInstance(engine(), 'second', second);
    // Stopped, it keeps its address, and comes back with it.
    engine().docker(['stop', '--time=1', 'first']);
    expect([...await takenAddresses(client)].sort()).toEqual([address, second].sort());
    engine().docker(['start', 'first']);
    expect(engine().docker(['inspect', `--format={{(index .NetworkSettings.Networks "${NETWORK}").IPAddress}}`, 'first']).trim()).toBe(address);
    expect(await until('it answers', async () => (await body(port)) === 'first')).toBe(true);
    // From one container to the other.
    expect(engine().docker(['exec', 'second', 'wget', '-q', '-O', '-', `http://${address}:8080/`])).toBe('first');
    expect(await one.probe([{ host: address, port: 8_080, path: '/', timeout: 2_000 }, { host: second, port: 8_080, path: '/x?y=1', timeout: 2_000 }, { host: second, port: 8_081, path: '/', timeout: 2_000 }]))
      .toEqual([{ status: 200 }, { status: 200 }, { reason: 'connection refused' }]);
    process.stdout.write(`router container: made in ${Math.round(made)} ms by two at once, found in ${Math.round(looked)} ms\n`);
  }, 180_000);

  it('is started again when it was killed, stopped or paused, with all of its routes, and that is told', async () => {
    const router = routers.open();
    await router.ensure(nothing);
    const client = clientOf(engine());
    const address = freeAddress((await readSubnet(client))!, [])!;
    startInstance(engine(), 'first', address);
    const port = await freePort();
    await router.router.set(routeTo(port, [address]));
    for (const how of ['kill', 'stop', 'pause']) {
      engine().docker([how, ROUTER]);
      expect(await router.look()).toMatchObject({ state: 'stopped' });
      expect(await router.ensure(never)).toEqual([how === 'pause' ? 'the router was paused: resumed' : 'the router was stopped: started again']);
      expect(await router.look()).toMatchObject({ state: 'running' });
      expect(await until('it answers', async () => (await body(port)) === 'first')).toBe(true);
      expect((await router.router.running('api (test, acme)'))?.weights).toEqual({ [RELEASE]: 100 });
    }
  }, 180_000);

  it('is rebuilt from the state of the engine when it is gone with its volume', async () => {
    const router = routers.open();
    await router.ensure(nothing);
    const client = clientOf(engine());
    const address = freeAddress((await readSubnet(client))!, [])!;
    startInstance(engine(), 'first', address);
    const port = await freePort();
    const route = routeTo(port, [address]);
    await router.router.set(route);
    engine().docker(['rm', '--force', ROUTER]);
    // Without the container alone its routes are there.
    expect(await router.ensure(never)).toEqual([]);
    expect(await until('it answers', async () => (await body(port)) === 'first')).toBe(true);
    engine().docker(['rm', '--force', ROUTER]);
    engine().docker(['volume', 'rm', ROUTER_VOLUME]);
    expect(await router.ensure(() => Promise.resolve([route]))).toEqual(['the router had lost its routes: 1 of 1 were restored']);
    expect(await until('it answers', async () => (await body(port)) === 'first')).toBe(true);
    expect(await router.router.routes()).toEqual([route]);
  }, 180_000);

  it('leaves a foreign container, a foreign network, and an engine without the image as they are', async () => {
    engine().docker(['create', `--name=${ROUTER}`, '--label=mine=1', IMAGE]);
    const router = routers.open();
    const before = container('json .');
    expect(await router.look()).toEqual({ state: 'stopped', foreign: true, image: IMAGE });
    await expect(router.ensure(never)).rejects.toMatchObject({ code: 'ND-OWNER-CONFLICT', parts: { what: expect.stringContaining(ROUTER) } });
    expect(container('json .')).toBe(before);
    engine().docker(['rm', ROUTER]);
    const things = (): string => [['ps', '--all', '--quiet'], ['volume', 'ls', '--quiet'], ['network', 'ls', '--format={{.Name}}']].map((args) => engine().docker(args)).join();
    const world = things();
    await expect(routers.open({ image: 'nope.invalid/haproxy:1' }).ensure(never)).rejects.toMatchObject({ code: 'ND-ARTIFACT-MISSING', parts: { what: expect.stringContaining('nope.invalid/haproxy:1') } });
    expect(things()).toBe(world);
    engine().docker(['network', 'create', NETWORK]);
    await expect(router.ensure(never)).rejects.toMatchObject({ code: 'ND-OWNER-CONFLICT', parts: { what: expect.stringContaining('network') } });
    expect(await router.look()).toEqual({ state: 'absent' });
  }, 180_000);

  it('names the port that a program of somebody else has, in a change and at its start', async () => {
    const router = routers.open();
    await router.ensure(nothing);
    const [port, own] = [await freePort(), await freePort()];
    const address = freeAddress((await readSubnet(clientOf(engine())))!, [])!;
    startInstance(engine(), 'first', address);
    await router.router.set(routeTo(own, [address]));
    const foreign = await occupy(port);
    try {
      await expect(router.router.set(routeTo(port, [address], { key: 'other' }))).rejects.toMatchObject({ code: 'ND-PORT-TAKEN', parts: { what: `127.0.0.1:${port} is taken by another program` } });
      expect(await body(own)).toBe('first');
      expect(await router.router.routes()).toHaveLength(1);
    } finally {
      await new Promise((done) => foreign.close(done));
    }
    await router.router.set(routeTo(port, [address], { key: 'other' }));
    engine().docker(['kill', ROUTER]);
    const later = await occupy(port);
    try {
      await expect(router.ensure(never)).rejects.toMatchObject({ code: 'ND-PORT-TAKEN', parts: { what: `127.0.0.1:${port} is taken by another program` } });
    } finally {
      await new Promise((done) => later.close(done));
    }
    // It goes on trying.
    expect(await until('it answers', async () => (await body(own)) === 'first', 30_000)).toBe(true);
    await router.ensure(never);
  }, 180_000);

  it('tells when it runs another image than asked for, and stays', async () => {
    await routers.open().ensure(nothing);
    const id = container('.Id');
    expect(await routers.open({ image: 'haproxy:other' }).ensure(never)).toEqual([expect.stringMatching(/runs another image than haproxy:other/)]);
    expect(container('.Id')).toBe(id);
    expect(engine().docker(['volume', 'inspect', '--format={{.Name}}', ROUTER_VOLUME]).trim()).toBe(ROUTER_VOLUME);
    // What serves the public has nothing of the state.
    expect(engine().docker(['inspect', '--format={{range .Mounts}}{{.Name}} {{end}}', ROUTER]).trim()).toBe(ROUTER_VOLUME);
  }, 120_000);

  it(`keeps the routes of two who change theirs at once, ${ROUNDS} times`, async () => {
    const [one, two] = [routers.open(), routers.open()];
    await one.ensure(nothing);
    const address = freeAddress((await readSubnet(clientOf(engine())))!, [])!;
    startInstance(engine(), 'first', address);
    const ports = [await freePort(), await freePort(), await freePort()] as const;
    const lost: string[] = [];
    const began = performance.now();
    for (let round = 1; round <= ROUNDS; round += 1) {
      // Every third change of the second is one of structure, by a reload.
      const mine = routeTo(ports[0], [address], { weights: { [RELEASE]: 1 + round % 100 } });
      const theirs = routeTo(ports[1 + Math.floor(round / 3) % 2]!, Array.from({ length: 1 + round % 3 }, () => address), { key: 'web (test, acme)' });
      await Promise.all([one.router.set(mine), two.router.set(theirs)]);
      const routes = await one.router.routes();
      for (const wanted of [mine, theirs]) if (!routes.some((route) => isDeepStrictEqual(route, wanted))) lost.push(`round ${round}: ${wanted.key}`);
      for (const { listen } of [mine, theirs]) if (await body(listen.port) !== 'first') lost.push(`round ${round}: nothing answers at ${listen.port}`);
    }
    process.stdout.write(`router container: ${ROUNDS} rounds of two changes at once, ${lost.length} lost, ${Math.round((performance.now() - began) / ROUNDS)} ms each\n`);
    expect(lost).toEqual([]);
  }, 600_000);

  it('is found again by a session that it broke, once, with the same bytes back', async () => {
    const router = routers.open();
    await router.ensure(nothing);
    expect(createArguments('x', (await readSubnet(clientOf(engine())))!)).toContain('network');
    await router.router.routes();
    engine().docker(['restart', '--time=5', ROUTER]);
    expect(await router.router.routes()).toEqual([]);
    const times: number[] = [];
    for (let count = 0; count < 20; count += 1) {
      const began = performance.now();
      await router.router.routes();
      times.push(performance.now() - began);
    }
    process.stdout.write(`router session: reading file and answers takes ${times.sort((a, b) => a - b)[10]!.toFixed(1)} ms\n`);
  }, 120_000);
}, { programs: HAPROXY_PROGRAMS, own: true });
