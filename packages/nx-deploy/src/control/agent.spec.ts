import { appendFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { agentHome } from '../agent/home.js';
import { benchPerTest, deployFile, eventually, get, unusedPort, type Workbench } from '../commands/workbench.spec-support.js';
import { fileStateStore, keyName, memoryLock, STATE_SCHEMA, type JournalRecord } from '../releases/index.js';
import { identity } from '../shell/process-table.js';
import { startAgent } from './agent.js';

let bench: Workbench;
benchPerTest((made) => { bench = made; }, deployFile({ environments: { staging: { instances: 2 } } }));

function folderOf(service: string): string {
  return join(bench.home.services, keyName({ workspace: 'acme', environment: 'staging', service }));
}

test('an agent leaves at once when another process is in charge of the home', async () => {
  const home = agentHome({ NX_DEPLOY_HOME: join(bench.folder, 'taken') });
  await mkdir(home.folder);
  await writeFile(home.lockFile, JSON.stringify({ pid: process.ppid, identity: await identity(process.ppid) }));
  expect(await startAgent({ home, shim: 'none', version: 'second' })).toBeUndefined();
  expect(await readdir(home.folder)).toEqual(['agent.json']);
});

test('the next agent finds instances, route, releases and history again, and can go on with them', async () => {
  const { document } = await bench.deploy();
  const before = await bench.status();
  const running = await bench.pids();
  await bench.restart();
  expect(await bench.pids()).toEqual(running);
  expect(await get(document.url)).toMatchObject({ status: 200 });
  expect(await bench.status()).toMatchObject({ live: before.live, url: before.url, releases: before.releases, ledger: before.ledger });
  expect(await (await bench.client()).call('services', {})).toEqual([{ key: { workspace: 'acme', environment: 'staging', service: 'api' }, url: document.url, instances: 2 }]);
  expect((await bench.deploy()).document.outcome).toBe('unchanged');
  await bench.build('2');
  expect((await bench.deploy()).document).toMatchObject({ outcome: 'done', url: document.url });
  expect(await bench.pids()).not.toEqual(running);
});

test('an instance that ended while no agent ran is started afresh', async () => {
  await bench.deploy();
  const [first, second] = await bench.pids();
  await bench.restart(async () => {
    process.kill(-(first ?? 0), 'SIGKILL');
    await eventually(async () => await identity(first ?? 0) === undefined, 'the instance to end');
  });
  await eventually(async () => (await bench.status()).instances.every(({ state }) => state === 'ready'), 'both to be ready');
  expect(await bench.pids()).toContain(second);
  expect(await bench.pids()).not.toContain(first);
});

test('a service whose record is damaged does not stop the others, says so, and is found again once it is repaired', async () => {
  await bench.project(deployFile(), { name: 'other' });
  await bench.deploy();
  const { document } = await bench.deploy({}, { project: 'other' });
  const file = join(folderOf('api'), 'service.json');
  const whole = await readFile(file, 'utf8');
  const running = await bench.pids();
  await bench.restart(() => writeFile(file, whole.slice(0, 40)));
  expect(await get(document.url)).toMatchObject({ status: 200 });
  expect(await readFile(bench.agent?.log.file ?? '', 'utf8')).toContain('could not be restored');
  await expect(bench.status()).rejects.toMatchObject({ code: 'ND-STATE-DAMAGED', parts: { where: file } });
  expect(await bench.deploy()).toMatchObject({ exitCode: 3, document: { error: { code: 'ND-STATE-DAMAGED' } } });
  await writeFile(file, whole);
  expect(await bench.deploy()).toMatchObject({ document: { outcome: 'unchanged' } });
  expect(await bench.pids()).toEqual(running);
});

test('a public port that another program took meanwhile leaves the instances known; the next deploy that can have it serves again', async () => {
  const port = await unusedPort();
  await bench.write('apps/api/deploy.json', deployFile({ environments: { staging: { listen: port } } }));
  await bench.deploy();
  const running = await bench.pids();
  const thief = createServer((_request, response) => { response.end('thief'); });
  await bench.restart(async () => {
    await eventually(() => new Promise<boolean>((resolve) => { thief.once('error', () => resolve(false)); thief.listen(port, '127.0.0.1', () => resolve(true)); }), 'the port to be free');
  });
  expect(await bench.pids()).toEqual(running);
  expect((await bench.status()).live).toBeUndefined();
  thief.closeAllConnections();
  await new Promise((resolve) => { thief.close(resolve); });
  const again = await bench.deploy();
  expect(again).toMatchObject({ exitCode: 0, document: { outcome: 'done' } });
  expect(await get(again.document.url)).toMatchObject({ status: 200, body: expect.stringContaining('"service":"api"') });
  expect(await bench.pids()).toEqual(running);
});

test('what is no service among the services is passed over', async () => {
  await bench.restart(async () => {
    await mkdir(bench.home.services);
    await writeFile(join(bench.home.services, 'stray'), 'no folder');
  });
  expect(await (await bench.client()).call('services', {})).toEqual([]);
});

test('a host name on a port belongs to one service', async () => {
  const listen = { port: await unusedPort(), host: 'api.localhost' };
  await bench.project(deployFile({ environments: { staging: { listen } } }));
  await bench.project(deployFile({ environments: { staging: { listen } } }), { name: 'other' });
  await bench.project(deployFile({ environments: { staging: { listen: { ...listen, host: 'third.localhost' } } } }), { name: 'third' });
  expect((await bench.deploy()).document.outcome).toBe('done');
  const clash = await bench.deploy({}, { project: 'other' });
  expect(clash.document).toMatchObject({ error: { code: 'ND-LISTEN-CONFLICT' } });
  expect(clash.exitCode).toBeGreaterThan(0);
  expect((await bench.status({ project: 'other' })).instances).toEqual([]);
  expect((await bench.deploy({}, { project: 'third' })).document.outcome).toBe('done');
});

test('a port of another program is refused before anything changes', async () => {
  const port = await unusedPort();
  const holder = createServer();
  await new Promise<void>((resolve) => { holder.listen(port, '127.0.0.1', resolve); });
  await bench.write('apps/api/deploy.json', deployFile({ environments: { staging: { listen: port } } }));
  expect(await bench.deploy()).toMatchObject({ exitCode: 3, document: { outcome: 'refused', error: { code: 'ND-PORT-TAKEN' } } });
  await new Promise((resolve) => { holder.close(resolve); });
});

test('a ledger that was changed is told by status', async () => {
  await bench.deploy();
  const file = join(folderOf('api'), 'ledger', '000001.jsonl');
  await appendFile(file, '{"kind":"end"}\n');
  expect((await bench.status()).ledger).toMatchObject({ ok: false, broken: expect.stringContaining('000001.jsonl:3') });
});

test('what a killed change left in the journal is named by status, and the next deploy deals with it', async () => {
  const { document } = await bench.deploy();
  const release = document.release ?? '';
  const journal: JournalRecord = {
    schema: STATE_SCHEMA, run: 'run-killed', action: 'deploy', actor: { user: 'ann', host: 'there', pid: 1 }, startedAt: '2026-01-31T12:00:00.000Z', epoch: 3,
    effect: { kind: 'scale', key: `${release} web=2` }, from: { [release]: { processes: { web: { fixed: 2 } }, weight: 100 } }, to: { [release]: { processes: { web: { fixed: 2 } }, weight: 100 } },
    releases: {}, committed: false,
  };
  await writeFile(join(folderOf('api'), 'journal.json'), JSON.stringify(journal));
  expect((await bench.status()).interrupted).toEqual({ run: 'run-killed', action: 'deploy', since: '2026-01-31T12:00:00.000Z', at: `scale ${release} web=2` });
  await bench.build('2');
  const next = await bench.deploy();
  expect(next.document.outcome).toBe('done');
  expect(next.output.events).toContainEqual({ type: 'note', text: expect.stringContaining('run-killed') });
  expect((await bench.status()).interrupted).toBeUndefined();
});

test('what a killed agent left is finished by the next one, and stands in the ledger', async () => {
  const { document } = await bench.deploy();
  const release = document.release ?? '';
  const actor = { user: 'ann', host: 'there', pid: 1 };
  const before = { [release]: { processes: { web: { fixed: 2 } }, weight: 100 } };
  const state = fileStateStore({ folder: folderOf('api'), keyFile: bench.home.targetKey, lock: memoryLock('api') });
  const record = await state.releases.get(release);
  if (record === undefined) throw new Error('no record');
  await bench.restart(async () => {
    const common = { run: 'run-killed', action: 'deploy', actor, release: 'r000000000000' } as const;
    await state.ledger.append({ kind: 'start', at: '2026-01-31T12:00:00.000Z', strategy: 'rolling', processes: { web: { fixed: 2 } }, ...common });
    await state.journal.write({
      schema: STATE_SCHEMA, run: 'run-killed', action: 'deploy', actor, startedAt: '2026-01-31T12:00:00.000Z', epoch: 3, effect: { kind: 'stage', key: 'r000000000000' },
      from: before, to: { r000000000000: { processes: { web: { fixed: 2 } }, weight: 100 } }, releases: { [release]: record }, committed: false,
    });
  });
  await eventually(async () => await state.journal.read() === undefined, 'the recovery');
  expect((await state.ledger.entries()).at(-1)).toMatchObject({ kind: 'end', run: 'run-killed', outcome: 'restored', recovered: true });
  const status = await bench.status();
  expect(status).toMatchObject({ live: release, ledger: { ok: true } });
  expect(status.interrupted).toBeUndefined();
});

test('a recovery that fails stays on record and does not stop the agent', async () => {
  await bench.deploy();
  await bench.restart(() => writeFile(join(folderOf('api'), 'journal.json'), '{'));
  await eventually(async () => (await readFile(bench.agent?.log.file ?? '', 'utf8')).includes('a recovery failed'), 'the log');
  expect(await readFile(join(folderOf('api'), 'journal.json'), 'utf8')).toBe('{');
  expect(await bench.deploy()).toMatchObject({ exitCode: 3, document: { error: { code: 'ND-STATE-DAMAGED' } } });
});

test('releases beyond the ones to keep are removed, those that run or can be gone back to stay', async () => {
  await bench.write('apps/api/deploy.json', deployFile({ keep: 1 }));
  const ids: (string | undefined)[] = [];
  for (const version of ['1', '2', '3', '4', '5']) {
    await bench.build(version);
    ids.push((await bench.deploy()).document.release);
  }
  const { releases, live } = await bench.status();
  expect(live).toBe(ids[4]);
  expect(releases.map(({ id }) => id)).toEqual([...ids].reverse());
  expect(releases.filter(({ available }) => available).map(({ id }) => id)).toEqual([ids[4], ids[3], ids[2]]);
  expect(await bench.rollback({ to: ids[0] ?? '' })).toMatchObject({ exitCode: 3, document: { error: { code: 'ND-RELEASE-UNKNOWN' } } });
  expect(await bench.rollback()).toMatchObject({ document: { outcome: 'done', release: ids[3] } });
});

test.each([['empty', ''], ['damaged', '{"pid":'], ['naming a process that is gone', '{"pid":2147483646,"identity":"x"}']])('a lock file that is %s is written anew, and the agent stays', async (_what, text) => {
  await writeFile(bench.home.lockFile, text);
  await eventually(async () => (await readFile(bench.home.lockFile, 'utf8').catch(() => '')).includes(`"pid":${process.pid},`), 'the lock file to be written anew');
  expect((await bench.client()).hello.pid).toBe(process.pid);
});

test('the agent leaves when another one has taken charge of its home', async () => {
  const other = { pid: process.ppid, identity: await identity(process.ppid) };
  await writeFile(bench.home.lockFile, JSON.stringify(other));
  await bench.agent?.left;
  bench.agent = undefined;
  expect(JSON.parse(await readFile(bench.home.lockFile, 'utf8'))).toEqual(other);
});
