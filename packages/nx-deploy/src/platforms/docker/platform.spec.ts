import { DeployError } from '../../errors.js';
import { temporaryFolder } from '../../shell/programs.spec-support.js';
import { dockerPlatform } from './platform.js';
import { instance, NEW, OLD, release, routeOf, ServiceWorld } from './service.spec-support.js';
import type { InstanceOrder } from './arguments.js';

const root = temporaryFolder('docker-platform');
const server = (of: string, weight: number): { readonly name: string; readonly host: string; readonly port: number; readonly weight: number; readonly maintenance: boolean } => ({ name: `${of}/web.1`, host: '10.89.0.2', port: 3_000, weight, maintenance: false });

describe('the fleet of a service on an engine', () => {
  it('has the shares that were asked for where the servers have them to within a step, and else those of the servers', async () => {
    const world = new ServiceWorld(root);
    await world.deployed(release(OLD), release(NEW));
    world.containers = [instance(OLD, 1), instance(NEW, 1)];
    const platform = dockerPlatform(world.service);
    const weights = async (): Promise<readonly (readonly [string, number])[]> => Object.entries(await platform.list()).map(([id, { weight }]) => [id, weight] as const);
    world.route = routeOf({ [OLD]: 95, [NEW]: 5 }, world.containers);
    world.running = { weights: { [OLD]: 95.2, [NEW]: 4.8 }, servers: [server(OLD, 100), server(NEW, 5)] };
    expect(await weights()).toEqual([[OLD, 95], [NEW, 5]]);
    world.running = { weights: { [NEW]: 99.6, rcccccccccccc: 0.4 }, servers: [server(NEW, 100)] };
    expect(await weights()).toEqual([[OLD, 0], [NEW, 100]]);
    world.running = { weights: {}, servers: [] };
    expect(await weights()).toEqual([[OLD, 95], [NEW, 5]]);
    world.running = undefined;
    expect(await weights()).toEqual([[OLD, 0], [NEW, 0]]);
  });

  it('shows a release that has traffic and no instances, what is warm and for how long, what drains and what crashed', async () => {
    const world = new ServiceWorld(root);
    await world.deployed(release(OLD), release(NEW));
    const platform = dockerPlatform(world.service);
    await platform.keep?.({ [OLD]: '2026-01-01T01:00:00.000Z', [NEW]: '2026-01-01T02:00:00.000Z' });
    world.containers = [instance(OLD, 1, { restarts: 2 }), instance(OLD, 2, { restarts: 1 }), instance(OLD, 3, { state: 'exited' })];
    world.service.draining.add(`${OLD}-web-2`);
    world.route = routeOf({ [NEW]: 100 }, []);
    world.running = { weights: { [NEW]: 100 }, servers: [server(NEW, 100)] };
    expect(await platform.list()).toEqual({
      [OLD]: { processes: { web: { running: 1, ready: 1, draining: 1 } }, weight: 0, until: '2026-01-01T01:00:00.000Z', crashes: 3 }, [NEW]: { processes: {}, weight: 100 },
    });
  });

  it('has an instance that answers and is not in the traffic of its release yet as one that is not ready', async () => {
    const world = new ServiceWorld(root);
    await world.deployed(release(NEW));
    world.containers = [instance(NEW, 1), instance(NEW, 2)];
    world.route = routeOf({ [NEW]: 100 }, [instance(NEW, 1)]);
    world.running = { weights: { [NEW]: 100 }, servers: [server(NEW, 100)] };
    expect(await dockerPlatform(world.service).list()).toMatchObject({ [NEW]: { processes: { web: { running: 2, ready: 1 } } } });
  });
});

describe('the address of a service on an engine', () => {
  it('stays as it is where the command names none, and there has to be one', async () => {
    const world = new ServiceWorld(root);
    await world.deployed(release(NEW));
    world.containers = [instance(NEW, 1)];
    const platform = dockerPlatform(world.service);
    expect(await platform.drift()).toEqual([]);
    expect(await platform.url()).toBeUndefined();
    await expect(platform.route({ [NEW]: 100 })).rejects.toMatchObject({ code: 'ND-NOT-DEPLOYED', parts: { what: 'api (production, acme) has no address there', where: 'docker, context prod' } });
    world.route = routeOf({}, [], { listen: { address: '127.0.0.1', port: 8_081 } });
    await platform.route({ [NEW]: 100 });
    expect(world.route).toMatchObject({ listen: { address: '127.0.0.1', port: 8_081 }, weights: { [NEW]: 100 } });
    expect(await platform.url()).toBe('http://127.0.0.1:8081');
  });

  it('is a free port where deploy.json names none, another one where somebody has that, and the same one from then on', async () => {
    const world = new ServiceWorld(root, { listen: { address: '0.0.0.0' } });
    await world.deployed(release(NEW));
    const { router } = world.service.parts.router;
    const set = router.setOpenOrClosed.bind(router);
    const tried: number[] = [];
    const refusals = ['ND-PORT-TAKEN', 'ND-LISTEN-CONFLICT'] as const;
    router.setOpenOrClosed = async (route) => {
      tried.push(route.listen.port);
      const code = refusals[tried.length - 1];
      if (code !== undefined) throw new DeployError(code, { what: 'taken' });
      return set(route);
    };
    const platform = dockerPlatform(world.service);
    await platform.route({ [NEW]: 100 }, NEW);
    expect(new Set(tried).size).toBe(3);
    expect(tried.every((port) => port >= 20_000 && port <= 29_999)).toBe(true);
    await platform.route({ [NEW]: 100 });
    expect(tried).toHaveLength(4);
    expect(tried[3]).toBe(tried[2]);
  });

  it('is given up where the router refuses for another reason, or every port is taken', async () => {
    const world = new ServiceWorld(root, { listen: { address: '0.0.0.0' } });
    await world.deployed();
    const { router } = world.service.parts.router;
    router.setOpenOrClosed = () => Promise.reject(new DeployError('ND-ROUTER-FAILED', { what: 'no answer' }));
    await expect(dockerPlatform(world.service).route({ [NEW]: 100 })).rejects.toMatchObject({ code: 'ND-ROUTER-FAILED' });
    router.setOpenOrClosed = () => Promise.reject(new DeployError('ND-PORT-TAKEN', { what: 'taken' }));
    await expect(dockerPlatform(world.service).route({ [NEW]: 100 })).rejects.toMatchObject({ code: 'ND-PORT-TAKEN', parts: { what: 'no free port was found between 20000 and 29999' } });
  });

  it('has its certificates stored before it is set, and is taken back to what was in force', async () => {
    const world = new ServiceWorld(root, { listen: { address: '0.0.0.0', port: 443, certificates: ['PEM'] }, steering: { header: 'X-Try', sticky: true } });
    await world.deployed(release(NEW));
    const before = world.route = routeOf({ [NEW]: 100 }, []);
    const platform = dockerPlatform(world.service);
    await platform.preflight?.();
    await platform.route({ [NEW]: 100 }, NEW);
    expect(world.done).toEqual(['store certificate', 'set']);
    expect(world.route).toMatchObject({ listen: { port: 443 }, testers: { header: 'X-Try', arriving: NEW }, sticky: { cookie: expect.any(String) as string } });
    const { settings } = platform;
    const told = await settings();
    expect(told).toEqual({ listen: before.listen, steering: {} });
    await platform.revert?.(undefined);
    expect(world.route.listen).toEqual(before.listen);
    expect(world.route.testers).toBeUndefined();
    const { length } = world.done;
    await platform.revert?.(told);
    expect(world.done).toHaveLength(length);
  });

  it('leads to an instance that answers, where there is one', async () => {
    const world = new ServiceWorld(root);
    await world.deployed(release(NEW));
    world.containers = [instance(NEW, 1), instance(NEW, 2), instance(OLD, 3)];
    world.answer = ({ host }) => (host === '10.89.0.3' ? { status: 200 } : { reason: 'connection refused' });
    const platform = dockerPlatform(world.service);
    expect(await platform.address(NEW)).toEqual({ host: '10.89.0.3', port: 3_000 });
    expect(await platform.address(OLD)).toBeUndefined();
  });
});

describe('a release on an engine', () => {
  const values = { values: { TOKEN: 'hunter2-hunter2', PLAIN: 'x' }, secrets: ['TOKEN', 'GONE'] };

  it('that does not get ready tells its last lines without its secrets, and one that gets ready enters its traffic', async () => {
    const world = new ServiceWorld(root);
    const { config, releases } = world.service.parts.state;
    const ref = await config.seal(values);
    await world.deployed();
    await releases.put({ ...release(NEW), config: ref });
    world.containers = [instance(NEW, 1, { id: 'hunter2-hunter2', state: 'exited', exitCode: 3 })];
    const platform = dockerPlatform(world.service);
    expect(await platform.ready(NEW, 5_000)).toMatchObject({ ready: false, reason: 'instance web.1 ended 1 time: it exited with code 3', logs: ['last words of [TOKEN]', 'exited with code 3'] });
    world.containers = [instance(NEW, 1, { state: 'dead', exitCode: 4 })];
    expect(await platform.ready(NEW, 5_000)).toMatchObject({ ready: false, reason: 'instance web.1 ended 1 time: it exited with code 4' });
    world.containers = [instance(NEW, 1), instance(NEW, 2)];
    world.route = routeOf({ [NEW]: 100 }, [instance(NEW, 1)]);
    expect(await platform.ready(NEW, 5_000)).toEqual({ ready: true });
    expect(world.route.targets).toHaveLength(2);
  });

  it('that has no traffic gets ready without a change of the route, unless testers reach it', async () => {
    const world = new ServiceWorld(root);
    await world.deployed(release(OLD), release(NEW));
    world.containers = [instance(OLD, 1), instance(NEW, 2)];
    const platform = dockerPlatform(world.service);
    world.route = routeOf({ [OLD]: 100 }, [instance(OLD, 1)]);
    expect(await platform.ready(NEW, 5_000)).toEqual({ ready: true });
    expect(world.done).toEqual([]);
    world.route = routeOf({ [OLD]: 100 }, [instance(OLD, 1)], { testers: { header: 'x-release', arriving: NEW } });
    expect(await platform.ready(NEW, 5_000)).toEqual({ ready: true });
    expect(world.done).toEqual(['set']);
  });

  it.each([['podman', ['10.89.0.2 02:42:0a:59:00:02']], ['docker', ['10.89.0.2 its own']]] as const)('has with %s the network card that goes with its address', async (program, expected) => {
    const world = new ServiceWorld(root);
    await world.deployed();
    const { parts } = world.service;
    const { config, releases } = parts.state;
    await releases.put({ ...release(NEW), config: await config.seal(values) });
    const started: string[] = [];
    Object.assign(parts.client, { program });
    Object.assign(parts.containers, { start: ({ address, mac }: InstanceOrder) => { started.push(`${address ?? ''} ${mac ?? 'its own'}`); return Promise.resolve(); } });
    world.service.addresses = () => Promise.resolve({ subnet: { first: 0x0a_59_00_00, bits: 24 }, taken: new Set() });
    await dockerPlatform(world.service).scale(NEW, { web: { fixed: 1 } });
    expect(started).toEqual(expected);
  });

  it('takes its configuration along when it is removed, unless another one has the same', async () => {
    const world = new ServiceWorld(root);
    const { config, releases } = world.service.parts.state;
    const ref = await config.seal(values);
    await world.deployed();
    for (const id of [OLD, NEW]) await releases.put({ ...release(id), config: ref });
    const platform = dockerPlatform(world.service);
    await platform.remove(OLD);
    expect(await config.open(ref)).toMatchObject({ values: values.values });
    await platform.remove(NEW);
    await expect(config.open(ref)).rejects.toThrow();
    // One whose record is gone has an image all the same.
    await platform.remove('rcccccccccccc');
    expect(world.done).toEqual([`remove image ${OLD}`, `remove image ${NEW}`, 'remove image rcccccccccccc']);
  });
});
