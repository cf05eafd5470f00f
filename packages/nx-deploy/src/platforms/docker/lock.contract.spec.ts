/** The lock on a real engine: whoever holds it may die in any way. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { baseArchive } from '../../../../../tools/images/base-image.js';
import { describeWithEngine } from '../../../../../tools/images/engine.spec-support.js';
import { HAPROXY_PROGRAMS, makeHaproxyImage } from '../../../../../tools/images/haproxy-image.js';
import { keyName, type Lease, type Lock, type LockHolder, type ServiceKey } from '../../releases/index.js';
import { EngineClient } from '../../shell/engine/index.js';
import { bundle, node, temporaryFolder, until } from '../../shell/programs.spec-support.js';
import { keeperName } from './keeper-container.js';
import { roleArgument } from './labels.js';
import { openDockerState, type DockerState } from './state.js';

const IMAGE = 'nx-deploy-lock:spec';
const SOAK = process.env['NX_DEPLOY_SOAK'] === '1';
const holder = (run: string): LockHolder => ({ run, action: 'deploy', actor: { user: 'tester', host: 'here "x"\n\t', pid: 1 }, since: '2026-01-01T00:00:00.000Z' });

describeWithEngine('the lock on an engine', (engine) => {
  const folder = temporaryFolder('lock');
  let client: EngineClient;
  let program: string;
  let count = 0;
  let key: ServiceKey;
  const leases: Lease[] = [];
  const opened: DockerState[] = [];
  const volumes: string[] = [];
  let volume: string;
  const lock = (of = key, image = IMAGE): Lock => {
    const state = openDockerState({ client, key: of, image, volume });
    opened.push(state);
    return state.store.lock;
  };
  const acquire = async (run: string, of = key): Promise<Lease> => {
    const lease = await lock(of).acquire(holder(run));
    leases.push(lease);
    return lease;
  };
  beforeAll(async () => {
    const made = mkdtempSync(join(tmpdir(), 'nxd-image-'));
    engine().docker(['load'], await baseArchive(await makeHaproxyImage(made), IMAGE));
    rmSync(made, { recursive: true });
    client = new EngineClient({ program: 'docker', variables: engine().env });
    program = bundle(`
      import { EngineClient } from './shell/engine/index.js';
      import { openDockerState } from './platforms/docker/state.js';
      const [volume, key, holder] = process.argv.slice(2).map((text) => JSON.parse(text));
      openDockerState({ client: new EngineClient({ program: 'docker', variables: process.env }), key, image: ${JSON.stringify(IMAGE)}, volume }).store.lock.acquire(holder)
        .then((lease) => { process.on('SIGUSR2', () => lease.assert().then(() => process.exit(0), ({ code }) => { process.stdout.write(code); process.exit(3); })); process.stdout.write('held\\n'); });
      setInterval(() => undefined, 1000);
    `, join(folder, 'holder.js'));
  }, 180_000);
  beforeEach(() => {
    count += 1;
    key = { workspace: `w${process.pid}`, environment: 'test', service: `api-${count}` };
    volume = `nx-deploy-lock-${process.pid}-${count}`;
    volumes.push(volume);
  });
  afterEach(async () => {
    await Promise.all(leases.splice(0).map((lease) => lease.release()));
    await Promise.all(opened.splice(0).map((state) => state.close()));
    for (const name of volumes.splice(0)) {
      engine().docker(['rm', '--force', keeperName(name)]);
      engine().docker(['volume', 'rm', '--force', name]);
    }
  });

  /** A process that holds the lock. */
  async function process_(run: string) {
    const started = node([program, JSON.stringify(volume), JSON.stringify(key), JSON.stringify(holder(run))], engine().env);
    await new Promise((done) => started.child.stdout?.once('data', done));
    return started;
  }

  it('is one holder\'s, tells who that is, and is free when it is given back; other services have their own', async () => {
    const lease = await acquire('one');
    await lease.assert();
    expect(await lock().holder()).toEqual(holder('one'));
    await expect(lock().acquire(holder('two'))).rejects.toMatchObject({ code: 'ND-LOCKED', parts: { why: expect.stringContaining('run one') } });
    await (await acquire('other', { ...key, environment: 'production' })).assert();
    await (await acquire('another', { ...key, workspace: `${key.workspace}-2` })).assert();
    await lease.release();
    expect(await lock().holder()).toBeUndefined();
    await expect(lease.assert()).rejects.toMatchObject({ code: 'ND-LEASE-LOST' });
    await (await acquire('two')).assert();
  }, 120_000);

  it('is taken by one of two who ask at once', async () => {
    for (let round = 0; round < (SOAK ? 50 : 4); round += 1) {
      const asked = await Promise.allSettled(['a', 'b', 'c'].map((run) => lock().acquire(holder(run))));
      const won = asked.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
      expect(won).toHaveLength(1);
      for (const result of asked) if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'ND-LOCKED' });
      await won[0]?.release();
    }
  }, 300_000);

  it('is free at once when the process that held it is killed', async () => {
    for (let kill = 0; kill < (SOAK ? 20 : 2); kill += 1) {
      const { child, code } = await process_(`killed-${kill}`);
      expect(await lock().holder()).toMatchObject({ run: `killed-${kill}` });
      child.kill('SIGKILL');
      const began = performance.now();
      await code;
      await until('the lock is free', async () => await lock().holder() === undefined, 30_000);
      process.stdout.write(`lock of a killed process: free after ${Math.round(performance.now() - began)} ms\n`);
      await (await acquire(`after-${kill}`)).release();
    }
  }, 300_000);

  (SOAK ? it : it.skip)('is free 30 s after a process that held it was last heard, which then knows', async () => {
    const { child, code, output } = await process_('frozen');
    child.kill('SIGSTOP');
    const began = performance.now();
    await until('the lock is free', async () => await lock().holder() === undefined, 60_000);
    expect(performance.now() - began).toBeGreaterThan(15_000);
    const lease = await acquire('next');
    child.kill('SIGCONT');
    child.kill('SIGUSR2');
    expect(await code).toBe(3);
    expect(await output).toContain('ND-LEASE-LOST');
    await lease.assert();
  }, 180_000);

  it('can be taken away from a run, which then knows, and from no other', async () => {
    const lease = await acquire('one');
    expect(await lock().revoke('two')).toBe(false);
    await lease.assert();
    expect(await lock().revoke('one')).toBe(true);
    await expect(lease.assert()).rejects.toMatchObject({ code: 'ND-LEASE-LOST' });
    expect(await lock().revoke('one')).toBe(false);
    await (await acquire('two')).assert();
  }, 120_000);

  it('is lost with the container that keeps the state, which the next one makes anew', async () => {
    const lease = await acquire('one');
    await lock().holder();
    engine().docker(['rm', '--force', keeperName(volume)]);
    await expect(lease.assert()).rejects.toMatchObject({ code: 'ND-LEASE-LOST' });
    expect(await lock().holder()).toBeUndefined();
    await (await acquire('two')).assert();
    engine().docker(['stop', '--time=0', keeperName(volume)]);
    await (await acquire('three')).assert();
    expect(await lock().holder()).toMatchObject({ run: 'three' });
  }, 120_000);

  it('is taken by one of several who come first to an engine', async () => {
    const asked = await Promise.allSettled(['a', 'b', 'c', 'd'].map((run) => acquire(run)));
    expect(asked.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const result of asked) if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'ND-LOCKED' });
  }, 120_000);

  it('waits for what a killed holder has left at work', async () => {
    await (await acquire('one')).release();
    const file = `/locks/${keyName(key)}`;
    const inside = (...args: readonly string[]): string => engine().docker(['exec', ...args]);
    // A program that writes on a slow disk, say: the shell that began it, which the file names, is gone.
    inside('--detach', keeperName(volume), 'sh', '-c', `exec 9>>${file} && flock 9 && echo '999999 {}' >${file} && sleep 2`);
    await until('it has the lock', () => inside(keeperName(volume), 'cat', file).startsWith('999999'));
    const began = performance.now();
    await (await acquire('two')).assert();
    expect(performance.now() - began).toBeGreaterThan(800);
  }, 120_000);

  it('never touches a container of somebody else, and goes over one that a killed client left before it ran', async () => {
    const name = keeperName(volume);
    engine().docker(['create', `--name=${name}`, IMAGE]);
    await expect(lock().acquire(holder('one'))).rejects.toMatchObject({ code: 'ND-OWNER-CONFLICT' });
    expect(await lock().holder()).toBeUndefined();
    expect(await lock().revoke('one')).toBe(false);
    expect(engine().docker(['inspect', '--format', '{{.State.Status}}', name]).trim()).toBe('created');
    engine().docker(['rm', name]);
    engine().docker(['create', `--name=${name}`, roleArgument('keeper'), `--volume=${volume}:/state`, '--tmpfs=/locks', '--entrypoint=sleep', IMAGE, '600']);
    await (await acquire('two')).assert();
    engine().docker(['rm', '--force', name]);
    await expect(lock({ ...key, service: 'none' }, 'nope.invalid/none:1').acquire(holder('x'))).rejects.toMatchObject({ code: expect.stringMatching(/ND-ARTIFACT-MISSING|ND-ENGINE/) });
  }, 180_000);
}, HAPROXY_PROGRAMS);
