import { temporaryFolder } from '../../shell/programs.spec-support.js';
import { instance, KEY, NEW, OLD, release, routeOf, ServiceWorld } from './service.spec-support.js';
import { dockerUpkeep } from './upkeep.js';

const root = temporaryFolder('docker-upkeep');
const upkeepOf = (world: ServiceWorld): ReturnType<typeof dockerUpkeep> => dockerUpkeep(world.service, { key: world.key, restore: () => Promise.resolve([]) });

describe('repairing a service on an engine', () => {
  it('does nothing, and tells nothing, where nothing is wrong or nothing is there', async () => {
    const fresh = new ServiceWorld(root);
    fresh.look = { state: 'absent' };
    expect(await upkeepOf(fresh).mend()).toEqual([]);
    const sound = new ServiceWorld(root);
    sound.containers = [instance(NEW, 1), instance(NEW, 2, { state: 'restarting' })];
    sound.route = routeOf({ [NEW]: 100 }, sound.containers);
    await sound.deployed(release(NEW));
    expect(await upkeepOf(sound).mend()).toEqual([]);
    expect([...fresh.done, ...sound.done]).toEqual([]);
  });

  it('removes what has ended, and names it', async () => {
    const world = new ServiceWorld(root);
    await world.deployed(release(NEW));
    world.containers = [instance(NEW, 1), instance(NEW, 2, { state: 'exited' })];
    expect(await upkeepOf(world).mend()).toEqual([`removed 1 container that had ended: nx-deploy-instance-${NEW}-web-2`]);
    world.containers = [instance(NEW, 1, { state: 'dead' }), instance(NEW, 2, { state: 'created' })];
    expect(await upkeepOf(world).mend()).toEqual([`removed 2 containers that had ended: nx-deploy-instance-${NEW}-web-1, nx-deploy-instance-${NEW}-web-2`]);
    expect(world.containers).toEqual([]);
  });

  it('writes a damaged record anew from what the router does', async () => {
    const world = new ServiceWorld(root);
    const route = world.route = routeOf({ [NEW]: 100 }, [instance(NEW, 1)]);
    await world.files.write('service.json', '{"schema":1,"key":');
    expect(await upkeepOf(world).mend()).toEqual([
      expect.stringMatching(/^service\.json was damaged and is now .*; it is written anew from what the router does$/), 'service.json did not know how the service is reached; it was written anew from what the router does',
    ]);
    expect(JSON.parse(String(await world.files.read('service.json')))).toEqual({ schema: 1, key: KEY, owner: 'here', route });
  });

  it('upgrades a router of another image than deploy.json names, and not one that only has the image\'s whole name', async () => {
    const world = new ServiceWorld(root);
    await world.deployed();
    world.look = { state: 'running', image: 'haproxy:2.6' };
    expect(await upkeepOf(world).mend()).toEqual(['the router runs haproxy:lts now']);
    const named = new ServiceWorld(root, { place: { program: 'podman', router: { image: 'docker.io/library/haproxy:lts', network: 'host' } } });
    await named.deployed();
    expect(await upkeepOf(named).mend()).toEqual([]);
    expect([world.done, named.done]).toEqual([['upgrade'], []]);
  });
});

describe('taking a service out of service', () => {
  it('takes its route away and forgets it', async () => {
    const world = new ServiceWorld(root);
    world.route = routeOf({ [NEW]: 100 }, []);
    await world.deployed();
    await upkeepOf(world).withdraw();
    expect(world.done).toEqual(['remove route api (production, acme)']);
    expect(JSON.parse(String(await world.files.read('service.json')))).toEqual({ schema: 1, key: KEY, owner: 'here' });
  });

  it('removes its containers, images and releases, and leaves its ledger', async () => {
    const world = new ServiceWorld(root);
    await world.deployed(release(OLD), release(NEW));
    await world.files.write('ledger/0001.jsonl', '');
    await world.files.write('config/c.json', '{}');
    world.containers = [instance(OLD, 1, { state: 'exited' })];
    await upkeepOf(world).erase();
    expect(world.done).toEqual([`remove ${OLD}-web-1`, `remove image ${OLD}`, `remove image ${NEW}`]);
    expect([...await world.files.names('')].sort()).toEqual(['ledger', 'service.json']);
  });

  it('is not kept from it by a release that cannot be read', async () => {
    const world = new ServiceWorld(root);
    await world.deployed(release(NEW));
    await world.files.write(`releases/${NEW}.json`, '{');
    await upkeepOf(world).erase();
    expect(await world.files.names('releases')).toEqual([]);
  });
});
