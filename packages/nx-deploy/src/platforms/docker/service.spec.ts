import { DeployError } from '../../errors.js';
import { temporaryFolder } from '../../shell/programs.spec-support.js';
import { closePublic, closingOf } from './closing.js';
import { instance, KEY, NEW, OLD, release, routeOf, ServiceWorld } from './service.spec-support.js';

const root = temporaryFolder('docker-service');
const ids = (set: ReadonlySet<string>): readonly string[] => [...set].sort();

describe('a look at a service', () => {
  it('asks the instances where the router runs, and takes the engine\'s word where it does not, or is not nx-deploy\'s', async () => {
    const world = new ServiceWorld(root);
    await world.deployed(release(NEW));
    world.containers = [instance(NEW, 1), instance(NEW, 2), instance(NEW, 3, { state: 'restarting' }), instance(NEW, 1, { process: 'worker', address: undefined })];
    world.route = routeOf({ [NEW]: 100 }, [instance(NEW, 1)]);
    world.answer = ({ host, path }) => (host === '10.89.0.2' && path === '/health' ? { status: 200 } : { status: 503 });
    expect(await world.service.look()).toMatchObject({ route: { weights: { [NEW]: 100 } }, healthy: new Set([`${NEW}-web-1`, `${NEW}-worker-1`]) });
    for (const look of [{ state: 'stopped' }, { state: 'absent' }, { state: 'running', foreign: true }] as const) {
      world.look = look;
      const seen = await world.service.look();
      expect(seen.route).toBeUndefined();
      expect(ids(seen.healthy)).toEqual([`${NEW}-web-1`, `${NEW}-web-2`, `${NEW}-worker-1`]);
    }
  });

  it('asks one that answers late once more, and one whose release nobody knows by any answer', async () => {
    const world = new ServiceWorld(root);
    await world.deployed(release(NEW));
    world.containers = [instance(NEW, 1), instance(OLD, 2), instance(OLD, 3)];
    const asked: string[] = [];
    world.answer = ({ host, path }) => {
      asked.push(`${host} ${path}`);
      if (host === '10.89.0.3') return { status: 404 };
      return host === '10.89.0.2' && asked.length > 3 ? { status: 200 } : { reason: 'gives no answer in time' };
    };
    expect(ids((await world.service.look()).healthy)).toEqual([`${OLD}-web-2`, `${NEW}-web-1`]);
    expect(asked).toEqual(['10.89.0.2 /health', '10.89.0.3 /', '10.89.0.4 /', '10.89.0.2 /health', '10.89.0.4 /', '10.89.0.4 /']);
  });

  it('tells no route where the router ended while it was asked, and its fault where it goes on', async () => {
    const world = new ServiceWorld(root);
    world.fault = () => { world.look = { state: 'stopped' }; return new DeployError('ND-ROUTER-FAILED', { what: 'no answer' }); };
    expect(await world.service.traffic()).toEqual({ up: false, route: undefined, running: undefined });
    world.look = { state: 'running' };
    world.fault = () => new DeployError('ND-ROUTER-FAILED', { what: 'no answer' });
    await expect(world.service.look()).rejects.toMatchObject({ code: 'ND-ROUTER-FAILED' });
    await expect(world.service.reached()).rejects.toMatchObject({ code: 'ND-ROUTER-FAILED' });
  });
});

describe('a route', () => {
  it('has what is healthy; where a release has none, those that were in it rather than nobody; and never one that leaves, that cannot be reached or is no web process', async () => {
    const world = new ServiceWorld(root);
    await world.deployed(release(OLD, { drain: 7_000 }), release(NEW, { drain: 3_000 }));
    world.containers = [
      instance(OLD, 1), instance(OLD, 2), instance(NEW, 3), instance(NEW, 4), instance(NEW, 5, { address: undefined }), instance(NEW, 6, { state: 'exited' }), instance(NEW, 7), instance(NEW, 1, { process: 'worker' }),
    ];
    world.service.draining.add(`${NEW}-web-7`);
    world.route = routeOf({ [OLD]: 100 }, [instance(OLD, 2)]);
    world.answer = ({ host }) => (host === '10.89.0.5' ? { status: 200 } : { status: 500 });
    await world.service.setRoute({ weights: { [OLD]: 50, [NEW]: 50 } });
    expect(world.route).toMatchObject({ drain: 7_000, weights: { [OLD]: 50, [NEW]: 50 }, targets: [{ id: `${OLD}/web.2` }, { id: `${NEW}/web.4` }] });
    expect(JSON.parse(String(await world.files.read('service.json')))).toMatchObject({ owner: 'here', route: { weights: { [NEW]: 50 } } });
  });

  it('keeps its weights, and who arrives, where only its settings change; and has none at all at first', async () => {
    const world = new ServiceWorld(root);
    await world.deployed(release(NEW));
    await expect(world.service.setRoute({})).rejects.toMatchObject({ code: 'ND-INTERNAL' });
    await world.service.setRoute({ settings: { listen: { address: '0.0.0.0', port: 80 }, steering: { sticky: true } } });
    expect(world.route).toMatchObject({ weights: {}, targets: [], drain: 0, sticky: { cookie: expect.any(String) as string } });
    world.containers = [instance(NEW, 1)];
    world.route = routeOf({ [NEW]: 100 }, world.containers, { testers: { header: 'X-Try', arriving: NEW } });
    world.service.stale();
    await world.service.setRoute({ settings: { listen: { address: '0.0.0.0', port: 81 }, steering: { header: 'X-Other' } } });
    expect(world.route).toMatchObject({ weights: { [NEW]: 100 }, listen: { port: 81 }, testers: { header: 'X-Other', arriving: NEW } });
    await world.service.setRoute({ weights: { [NEW]: 100 } });
    expect(world.route?.testers).toEqual({ header: 'X-Other' });
  });

  it('that could not be remembered on a full disk is in force all the same; any other fault is told', async () => {
    const world = new ServiceWorld(root);
    await world.deployed(release(NEW));
    world.route = routeOf({ [OLD]: 100 }, []);
    const write = jest.spyOn(world.files, 'write');
    write.mockRejectedValue(new DeployError('ND-DISK-FULL', { what: 'full' }));
    await world.service.setRoute({ weights: { [NEW]: 100 } });
    expect(world.route.weights).toEqual({ [NEW]: 100 });
    write.mockRejectedValue(new DeployError('ND-LEASE-LOST', { what: 'lost' }));
    await expect(world.service.setRoute({ weights: { [OLD]: 100 } })).rejects.toMatchObject({ code: 'ND-LEASE-LOST' });
  });

  it('loses the targets that leave, and is left alone where it has none of them', async () => {
    const world = new ServiceWorld(root);
    await world.deployed();
    world.route = routeOf({ [NEW]: 100 }, [instance(NEW, 1), instance(NEW, 2)]);
    await world.service.withdraw(new Set([`${NEW}/web.9`]));
    expect(world.done).toEqual([]);
    await world.service.withdraw(new Set([`${NEW}/web.1`]));
    expect(world.route.targets.map(({ id }) => id)).toEqual([`${NEW}/web.2`]);
    world.route = undefined;
    await world.service.withdraw(new Set([`${NEW}/web.2`]));
    expect(world.done).toEqual(['set']);
  });

  it('is not asked for again under the lock once it is known, and is when the lock is taken again', async () => {
    const world = new ServiceWorld(root);
    world.held = true;
    const route = world.route = routeOf({ [NEW]: 100 }, []);
    await world.service.look();
    world.route = undefined;
    expect(await world.service.reached()).toEqual(route);
    world.service.begin();
    expect(await world.service.reached()).toBeUndefined();
  });
});

it('forgets all but its owner when it is taken out of service, and names a release that it does not know', async () => {
  const world = new ServiceWorld(root);
  world.route = routeOf({ [NEW]: 100 }, []);
  await world.deployed();
  expect(world.service.isKnown).toBe(false);
  await world.service.owned();
  expect(world.service.isKnown).toBe(true);
  await world.service.forget();
  expect(JSON.parse(String(await world.files.read('service.json')))).toEqual({ schema: 1, key: KEY, owner: 'here' });
  expect(world.service.isKnown).toBe(false);
  await expect(world.service.release(OLD)).rejects.toMatchObject({ code: 'ND-RELEASE-UNKNOWN', parts: { what: `release ${OLD} is not known there` } });
});

describe('closing a service to its public', () => {
  const closing = { closure: { type: 'page', html: '<p>soon</p>' }, since: '2026-01-01T00:00:00.000Z', by: 'ann' } as unknown as Parameters<typeof closePublic>[1];

  it('tells where it is closed and what closed it before, and is refused where it has no address', async () => {
    const world = new ServiceWorld(root);
    await expect(closePublic(world.service, closing)).rejects.toMatchObject({ code: 'ND-NOT-DEPLOYED', parts: { what: 'api (production, acme) has no address there', where: 'docker, context prod' } });
    world.route = routeOf({ [NEW]: 100 }, []);
    expect(await closePublic(world.service, closing)).toEqual({ url: 'http://prod.example.com:8080' });
    expect(world.route).toMatchObject({ closure: closing?.closure, closed: { since: closing?.since, by: 'ann' } });
    expect(await closePublic(world.service, undefined)).toEqual({ url: 'http://prod.example.com:8080', before: closing });
  });

  it('knows a closure of an earlier version, which does not say by whom', () => {
    const { closure } = closing ?? {};
    if (closure === undefined) throw new Error('none');
    expect(closingOf(routeOf({}, [], { closure }))).toEqual({ closure, since: '', by: 'unknown' });
    expect(closingOf(routeOf({}, []))).toBeUndefined();
  });
});
