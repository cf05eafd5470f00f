/** State on a real engine: with the lock and without, beside the router and not. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { baseArchive } from '../../../../../tools/images/base-image.js';
import { describeWithEngine } from '../../../../../tools/images/engine.spec-support.js';
import { HAPROXY_PROGRAMS, makeHaproxyImage } from '../../../../../tools/images/haproxy-image.js';
import { lockHolder, startBody } from '../../releases/state.spec-support.js';
import { until } from '../../shell/programs.spec-support.js';
import type { ServiceKey } from '../../releases/index.js';
import { EngineClient } from '../../shell/engine/index.js';
import { keeperName } from './keeper-container.js';
import { openDockerState, serviceFolder, type DockerState } from './state.js';

const IMAGE = 'nx-deploy-state:spec';

describeWithEngine('the state on an engine', (engine) => {
  let client: EngineClient;
  let count = 0;
  let key: ServiceKey;
  const opened: DockerState[] = [];
  const volumes: string[] = [];
  const open = (volume?: string, of = key): DockerState => {
    const state = openDockerState({ client, key: of, image: IMAGE, ...(volume === undefined ? {} : { volume }) });
    opened.push(state);
    return state;
  };
  /** A name that no other spec has; removed after the spec. */
  const volume = (suffix = ''): string => {
    const name = `nx-deploy-spec-${process.pid}-${count}${suffix}`;
    volumes.push(name);
    return name;
  };
  beforeAll(async () => {
    const made = mkdtempSync(join(tmpdir(), 'nxd-image-'));
    engine().docker(['load'], await baseArchive(await makeHaproxyImage(made), IMAGE));
    rmSync(made, { recursive: true });
    client = new EngineClient({ program: 'docker', variables: engine().env });
  }, 180_000);
  beforeEach(() => {
    count += 1;
    key = { workspace: `w${process.pid}`, environment: 'test', service: `state-${count}` };
  });
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((state) => state.close()));
    for (const name of volumes.splice(0)) {
      engine().docker(['rm', '--force', keeperName(name)]);
      engine().docker(['volume', 'rm', '--force', name]);
    }
  });
  const hasVolume = (name: string): boolean => engine().docker(['volume', 'ls', '--format={{.Name}}']).split('\n').includes(name);

  it('finds nothing on an engine that has none, and makes nothing by looking', async () => {
    const name = volume();
    const { store, files } = open(name);
    expect(await store.journal.read()).toBeUndefined();
    expect(await store.releases.list()).toEqual([]);
    expect(await store.ledger.verify()).toMatchObject({ ok: true, entries: 0 });
    expect(await files.names('')).toEqual([]);
    await store.journal.clear();
    expect(hasVolume(name)).toBe(false);
  }, 120_000);

  it('is written under the lock and read by everybody else, meanwhile and afterwards', async () => {
    const name = volume();
    const one = open(name);
    const lease = await one.store.lock.acquire(lockHolder('one'));
    const entry = await one.store.ledger.append(startBody('one'));
    const ref = await one.store.config.seal({ values: { A: 'secret' }, secrets: ['A'] });
    const other = open(name);
    expect(await other.store.ledger.entries()).toEqual([entry]);
    expect(await other.store.config.open(ref)).toEqual({ values: { A: 'secret' }, secrets: ['A'] });
    expect(await other.store.lock.holder()).toEqual(lockHolder('one'));
    await one.store.ledger.append(startBody('two'));
    await lease.release();
    expect(await one.store.ledger.entries()).toHaveLength(2);
    expect(await other.store.ledger.verify()).toMatchObject({ ok: true, entries: 2 });
    expect((await other.all.names('')).toSorted()).toEqual(['services', 'target.key']);
    expect(await other.all.names(serviceFolder(key))).toEqual(expect.arrayContaining(['ledger', 'config']));
  }, 120_000);

  it('cannot be written any more by whoever lost the lock', async () => {
    const name = volume();
    const one = open(name);
    const lease = await one.store.lock.acquire(lockHolder('one'));
    await one.files.write('a', 'before');
    engine().docker(['restart', '--time=0', keeperName(name)]);
    await expect(one.files.write('a', 'after')).rejects.toMatchObject({ code: 'ND-LEASE-LOST' });
    await expect(one.files.read('a')).rejects.toMatchObject({ code: 'ND-LEASE-LOST' });
    await expect(lease.assert()).rejects.toMatchObject({ code: 'ND-LEASE-LOST' });
    await lease.release();
    expect((await one.files.read('a'))?.toString()).toBe('before');
  }, 120_000);

  it('is read in the container that keeps it, again after that was started again, and without it', async () => {
    const name = volume();
    const containers = (): string => engine().docker(['ps', '--filter=label=io.nx-deploy.role=keeper', `--filter=volume=${name}`, '--format={{.Names}}']).trim();
    const state = open(name);
    await state.files.write('note', 'one');
    // Without the lock nothing is made that stays.
    expect(containers()).not.toContain(keeperName(name));
    expect(await state.store.lock.holder()).toBeUndefined();
    await (await state.store.lock.acquire(lockHolder('one'))).release();
    const other = open(name);
    const times: number[] = [];
    for (let read = 0; read < 20; read += 1) {
      const began = performance.now();
      expect((await other.files.read('note'))?.toString()).toBe('one');
      times.push(performance.now() - began);
    }
    process.stdout.write(`a read takes ${times.toSorted((a, b) => a - b)[10]?.toFixed(1) ?? ''} ms\n`);
    engine().docker(['restart', '--time=0', keeperName(name)]);
    expect((await other.files.read('note'))?.toString()).toBe('one');
    engine().docker(['rm', '--force', keeperName(name)]);
    expect((await other.files.read('note'))?.toString()).toBe('one');
    // Its program may answer before a busy engine lists it as running.
    await until('a container of its own', () => containers() !== '');
    const lease = await open(name).store.lock.acquire(lockHolder('two'));
    // Whoever reads apart from the container that was made since is told of its locks all the same.
    expect(await other.store.lock.holder()).toEqual(lockHolder('two'));
    await lease.release();
  }, 120_000);

  it('never enters a container of somebody else that has the name of the one that keeps it', async () => {
    const name = volume();
    engine().docker(['volume', 'create', name]);
    engine().docker(['run', '--detach', `--name=${keeperName(name)}`, '--volume=/state', '--entrypoint=sleep', IMAGE, '600']);
    const state = open(name);
    await state.files.write('note', 'one');
    expect(engine().docker(['exec', keeperName(name), 'ls', '/state']).trim()).toBe('');
    engine().docker(['rm', '--force', '--volumes', keeperName(name)]);
  }, 120_000);

  it('comes back from a backup, on an engine that had none', async () => {
    const [from, to] = [volume(), volume('restored')];
    const { store, all } = open(from);
    const lease = await store.lock.acquire(lockHolder('one'));
    await store.ledger.append(startBody('one'));
    const ref = await store.config.seal({ values: { A: 'secret' }, secrets: ['A'] });
    await lease.release();
    const tar = (name: string, mode: string): readonly string[] => ['run', '--rm', '--interactive', '--user=0:0', `--volume=${name}:/state${mode}`, '--entrypoint=tar', IMAGE, '-C', '/state'];
    const archive = execFileSync(engine().client, [...tar(from, ':ro'), '-cf', '-', '.'], { env: engine().env, input: '' });
    engine().docker([...tar(to, ''), '-xpf', '-'], archive);
    const restored = open(to);
    expect(await restored.store.ledger.verify()).toEqual(await store.ledger.verify());
    expect(await restored.store.config.open(ref)).toEqual({ values: { A: 'secret' }, secrets: ['A'] });
    expect(await restored.all.read('target.key')).toEqual(await all.read('target.key'));
  }, 120_000);

  it('says how long it takes under the lock', async () => {
    const { store, files } = open(volume());
    const lease = await store.lock.acquire(lockHolder('one'));
    const times: string[] = [];
    const acts: Readonly<Record<string, () => Promise<unknown>>> = { assertion: () => lease.assert(), read: () => files.read('a'), write: () => files.write('a', 'x'.repeat(3_000)), entry: () => store.ledger.append(startBody('one')) };
    for (const [name, act] of Object.entries(acts)) {
      const taken: number[] = [];
      for (let round = 0; round < 20; round += 1) {
        const began = performance.now();
        await act();
        taken.push(performance.now() - began);
      }
      times.push(`${name} ${taken.toSorted((a, b) => a - b)[10]?.toFixed(1) ?? ''}`);
    }
    process.stdout.write(`under the lock, ms (median): ${times.join(', ')}\n`);
    expect(await store.ledger.verify()).toMatchObject({ ok: true, entries: 20 });
    await lease.release();
  }, 120_000);

  it('says that there is no image', async () => {
    const lacking = openDockerState({ client, key, image: 'nope.invalid/none:1', volume: volume() });
    await expect(lacking.files.write('a', 'b')).rejects.toMatchObject({ code: expect.stringMatching(/ND-ARTIFACT-MISSING|ND-ENGINE/) });
  }, 120_000);
}, HAPROXY_PROGRAMS);
