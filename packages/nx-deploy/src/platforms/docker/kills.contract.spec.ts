/** What is left of the state of a service when whoever writes it is killed, or its disk is full. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { baseArchive } from '../../../../../tools/images/base-image.js';
import { describeWithEngine } from '../../../../../tools/images/engine.spec-support.js';
import { HAPROXY_PROGRAMS, makeHaproxyImage } from '../../../../../tools/images/haproxy-image.js';
import { describeStateFiles } from '../../releases/state-files.spec-support.js';
import { describeStateStore } from '../../releases/state-store.spec-support.js';
import { lockHolder, startBody } from '../../releases/state.spec-support.js';
import type { Lease, ServiceKey } from '../../releases/index.js';
import { EngineClient } from '../../shell/engine/index.js';
import { bundle, lives, node, temporaryFolder, until } from '../../shell/programs.spec-support.js';
import { STATE_FOLDER } from './keeper.js';
import { keeperName } from './keeper-container.js';
import { openDockerState, type DockerState } from './state.js';

const IMAGE = 'nx-deploy-kills:spec';
const SOAK = process.env['NX_DEPLOY_SOAK'] === '1';
const ROUNDS = SOAK ? 25 : 3;

describeWithEngine('the state on an engine', (engine) => {
  const folder = temporaryFolder('state-kills');
  let client: EngineClient;
  let program: string;
  let count = 0;
  let key: ServiceKey;
  const opened: DockerState[] = [];
  const volumes: string[] = [];
  const open = (volume: string): DockerState => {
    const state = openDockerState({ client, key, image: IMAGE, volume });
    opened.push(state);
    return state;
  };
  const volume = (...options: readonly string[]): string => {
    const name = `nx-deploy-kills-${process.pid}-${count += 1}`;
    engine().docker(['volume', 'create', ...options, name]);
    volumes.push(name);
    return name;
  };
  beforeAll(async () => {
    const made = mkdtempSync(join(tmpdir(), 'nxd-image-'));
    engine().docker(['load'], await baseArchive(await makeHaproxyImage(made), IMAGE));
    rmSync(made, { recursive: true });
    client = new EngineClient({ program: 'docker', variables: engine().env });
    program = bundle(`
      import { EngineClient } from './shell/engine/index.js';
      import { openDockerState } from './platforms/docker/state.js';
      import { startBody, lockHolder } from './releases/state.spec-support.js';
      const [volume, key] = process.argv.slice(2);
      const state = openDockerState({ client: new EngineClient({ program: 'docker', variables: process.env, ...(process.env.SPEC_CONTEXT === undefined ? {} : { context: process.env.SPEC_CONTEXT }) }), key: JSON.parse(key), image: ${JSON.stringify(IMAGE)}, volume });
      void (async () => {
        await state.store.lock.acquire(lockHolder('writer'));
        process.stdout.write('held\\n');
        for (let number = 0; ; number += 1) {
          await state.files.write('number.json', JSON.stringify({ number, rest: String(number % 10).repeat(number % 2 === 0 ? 60_000 : 600) }));
          await state.store.ledger.append(startBody('run-' + number));
        }
      })().catch((error) => { process.stdout.write(error.code); process.exit(3); });
    `, join(folder, 'writer.js'));
  }, 180_000);
  beforeEach(() => { key = { workspace: `w${process.pid}`, environment: 'test', service: `kills-${count += 1}` }; });
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((state) => state.close()));
    for (const name of volumes.splice(0)) {
      engine().docker(['rm', '--force', keeperName(name)]);
      engine().docker(['volume', 'rm', '--force', name]);
    }
  });

  describe('of any kind', () => {
    let files: DockerState['all'];
    beforeEach(() => { files = open(volume()).all; });
    describeStateFiles('its files, without the lock', () => Promise.resolve(files), SOAK ? 50 : 5);
    describeStateStore('its store, without the lock', () => Promise.resolve(files));
    describeStateFiles('its files, under the lock', async () => {
      const state = open(volume());
      const lease = await state.store.lock.acquire(lockHolder('spec'));
      opened.push({ ...state, close: () => lease.release() });
      return state.all;
    }, SOAK ? 50 : 2);
  });

  /** Process ids of the docker clients that a process has started. */
  const clientsOf = (pid: number): readonly number[] => execFileSync('ps', ['-e', '-o', 'pid=,ppid='], { encoding: 'utf8' }).split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number)).flatMap(([id = 0, parent]) => (parent === pid ? [id] : []));

  /** Of this machine's engine a client is asked only where its user named a context. */
  const byClient = (): Readonly<Record<string, string>> => {
    const env = { ...engine().env, SPEC_CONTEXT: 'spec' };
    const contexts = execFileSync(engine().client, ['context', 'ls', '--quiet'], { env, encoding: 'utf8', stdio: 'pipe' });
    if (!contexts.split('\n').includes('spec')) execFileSync(engine().client, ['context', 'create', 'spec', `--docker=host=${engine().host}`], { env, stdio: 'ignore' });
    return env;
  };

  it.each<[string, (pid: number, volume: string) => void, (() => Readonly<Record<string, string>>)?]>([
    ['the process that writes', (pid) => { process.kill(pid, 'SIGKILL'); }],
    ['its docker client', (pid) => { for (const id of clientsOf(pid)) process.kill(id, 'SIGKILL'); }, byClient],
    ['the container that keeps it', (_pid, name) => { engine().docker(['restart', '--time=0', keeperName(name)]); }],
  ])('is whole, and the lock soon free, when %s is killed at any moment', async (whom, kill, env = () => engine().env) => {
    const name = volume();
    const state = open(name);
    let [torn, numbers, longest] = [0, 0, 0];
    for (let round = 0; round < ROUNDS; round += 1) {
      const { child, code, output } = node([program, name, JSON.stringify(key)], env());
      await new Promise((done) => child.stdout?.once('data', done));
      await new Promise((wake) => setTimeout(wake, 50 + Math.random() * (SOAK ? 1_500 : 400)));
      kill(child.pid ?? 0, name);
      const ended = performance.now();
      await until('the lock is free', async () => await state.store.lock.holder() === undefined, 20_000);
      longest = Math.max(longest, performance.now() - ended);
      if (child.signalCode === null) expect(await code).not.toBe(0);
      await code;
      if (child.signalCode === null) expect(await output).toContain('ND-LEASE-LOST');
      // A busy machine takes its time; what an idle one takes is printed.
      expect(longest).toBeLessThan(10_000);
      const content = await state.files.read('number.json');
      if (content !== undefined) {
        const { number, rest } = JSON.parse(content.toString()) as { number: number; rest: string };
        expect(rest).toBe(String(number % 10).repeat(number % 2 === 0 ? 60_000 : 600));
        numbers += number;
      }
      const verdict = await state.store.ledger.verify();
      expect(verdict).toMatchObject({ ok: true });
      if (verdict.torn !== undefined) torn += 1;
      const lease = await state.store.lock.acquire(lockHolder('after'));
      await state.store.ledger.append(startBody('after'));
      expect(await state.store.ledger.verify()).toEqual({ ok: true, entries: verdict.entries + 1, head: expect.any(String) });
      await lease.release();
    }
    process.stdout.write(`${whom} killed ${ROUNDS} times, with ${numbers} writes: every file whole, ${torn} torn entries, lock free after ${Math.round(longest)} ms at most\n`);
  }, 600_000);

  it('says so when its disk is full, and leaves what was there', async () => {
    const name = volume('--opt=type=tmpfs', '--opt=device=tmpfs', '--opt=o=size=64k');
    const { store, files } = open(name);
    const lease: Lease = await store.lock.acquire(lockHolder('one'));
    await files.write('kept', 'before');
    await files.write('fill', 'x'.repeat(40_000));
    const full = (path: string) => ({ code: 'ND-DISK-FULL', parts: { where: files.where(path), why: expect.stringContaining('full') } });
    await expect(files.write('kept', 'y'.repeat(30_000))).rejects.toMatchObject(full('kept'));
    await expect(files.write('kept', 'y'.repeat(200_000))).rejects.toMatchObject(full('kept'));
    await expect(files.create('made', 'y'.repeat(30_000))).rejects.toMatchObject(full('made'));
    await expect(files.append('kept', 'y'.repeat(30_000))).rejects.toMatchObject(full('kept'));
    expect((await files.names('')).toSorted()).toEqual(['fill', 'kept']);
    expect((await files.read('kept'))?.toString()).toBe('before');
    let entries = 0;
    const error: unknown = await (async () => { for (;;) { await store.ledger.append(startBody(`run-${entries}`)); entries += 1; } })().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'ND-DISK-FULL' });
    expect(entries).toBeGreaterThan(1);
    expect(await store.ledger.verify()).toMatchObject({ ok: true, entries });
    expect((await store.ledger.verify()).torn).toBeUndefined();
    await lease.assert();
    await files.remove('fill');
    await store.ledger.append(startBody('after'));
    expect(await store.ledger.verify()).toMatchObject({ ok: true, entries: entries + 1 });
    await lease.release();
  }, 120_000);

  it('says so when a file or a folder is not root\'s, and never takes it for none', async () => {
    const name = volume();
    const { files, store } = open(name);
    await store.journal.clear();
    await files.write('mine/journal.json', '{}');
    await files.write('journal.json', '{}');
    const service = files.where('').split(': ').at(-1) ?? '';
    engine().docker(['run', '--rm', '--user=0:0', `--volume=${name}:${STATE_FOLDER}`, '--entrypoint=busybox', IMAGE, 'chown', '99:99', `${STATE_FOLDER}/${service}/mine`, `${STATE_FOLDER}/${service}/journal.json`]);
    for (const act of [() => store.journal.read(), () => files.read('mine/journal.json'), () => files.names('mine'), () => files.write('mine/a', 'x'), () => files.append('journal.json', 'x')]) {
      await expect(act()).rejects.toMatchObject({ code: 'ND-DISK-FULL', parts: { why: expect.stringContaining('may not') } });
    }
    expect((await files.names('')).toSorted()).toEqual(['journal.json', 'mine']);
  }, 120_000);

  it('leaves no process in the container that keeps it when its reader is killed', async () => {
    const name = volume();
    await (await open(name).store.lock.acquire(lockHolder('first'))).release();
    const reader = bundle(`
      import { EngineClient } from './shell/engine/index.js';
      import { openDockerState } from './platforms/docker/state.js';
      const state = openDockerState({ client: new EngineClient({ program: 'docker', variables: process.env, ...(process.env.SPEC_CONTEXT === undefined ? {} : { context: process.env.SPEC_CONTEXT }) }), key: ${JSON.stringify(key)}, image: ${JSON.stringify(IMAGE)}, volume: ${JSON.stringify(name)} });
      void (async () => { for (let number = 0; ; number += 1) { await state.all.names(''); await state.all.read('none'); if (number === 0) process.stdout.write('reads\\n'); } })();
    `, join(folder, 'reader.js'));
    const keepers = (): readonly string[] => engine().docker(['top', keeperName(name), '-eo', 'pid,args']).split('\n').filter((line) => line.includes('nx-deploy-keeper'));
    for (const whom of ['program', 'client'] as const) {
      const { child, code } = node([reader], whom === 'client' ? byClient() : engine().env);
      await new Promise((done) => child.stdout?.once('data', done));
      expect(keepers()).not.toEqual([]);
      const clients = clientsOf(child.pid ?? 0);
      if (whom === 'program') child.kill('SIGKILL');
      else for (const id of clients) process.kill(id, 'SIGKILL');
      if (whom === 'program') await until('no keeper is left', () => keepers().length === 0, 10_000);
      else await until('another keeper is there', () => keepers().length === 1 && clients.every((id) => !lives(id)), 10_000);
      child.kill('SIGKILL');
      await code;
    }
    await until('no keeper is left', () => keepers().length === 0, 10_000);
  }, 120_000);
}, HAPROXY_PROGRAMS);
