import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { processesOf } from '../../../../e2e/support/processes.js';
import { identity } from '../shell/process-table.js';
import { repair } from './repair.js';
import { done, folderOf, interrupt, namesIn, stateOf, type Done } from './tasks.spec-support.js';
import { benchPerTest, deployFile, eventually, get, unusedPort, type Workbench } from './workbench.spec-support.js';

let bench: Workbench;
benchPerTest((made) => { bench = made; }, deployFile({ environments: { staging: { instances: 2 } } }));

function mend(): Promise<Done> {
  return done(bench, (context) => repair(context, {}));
}

const file = (name: string): string => join(folderOf(bench), name);

test('what was never deployed is refused, what is whole has nothing to repair', async () => {
  expect(await mend()).toMatchObject({ exitCode: 3, document: { outcome: 'refused', error: { code: 'ND-NOT-DEPLOYED' } } });
  const { document: { url } } = await bench.deploy();
  const running = await bench.pids();
  const whole = await mend();
  expect(whole).toMatchObject({ exitCode: 0, document: { outcome: 'unchanged', action: 'repair', service: 'api', environment: 'staging', notes: [], url } });
  expect(whole.output.lines).toEqual(['nothing to repair: api staging']);
  expect(await bench.pids()).toEqual(running);
  expect((await bench.status()).ledger).toMatchObject({ ok: true, entries: 2 });
});

test('an interrupted change is brought to an end as the next deploy would do it', async () => {
  const { document: { release: first = '' } } = await bench.deploy();
  await bench.build('2');
  const { document: { release: second = '' } } = await bench.deploy();
  await bench.rollback();
  await interrupt(bench, second, first, { from: { [second]: { processes: { web: { fixed: 2 } }, weight: 100 } } });
  const mended = await mend();
  expect(mended).toMatchObject({ exitCode: 0, document: { outcome: 'done' } });
  expect(mended.document.notes).toEqual(expect.arrayContaining([expect.stringContaining('run-killed'), 'recovery goes back']));
  expect(mended.output.lines.at(-1)).toMatch(/^repaired: api staging in .*, \d+ notes above$/);
  const { live, interrupted } = await bench.status();
  // Back is where the interrupted run came from; the fleet is then what the last success of the ledger wanted, if that can serve.
  expect(live).toBe(second);
  expect(interrupted).toBeUndefined();
  expect((await mend()).document.outcome).toBe('unchanged');
});

test('a damaged journal is moved aside and told, an unfinished run gets its end', async () => {
  const { document: { release = '' } } = await bench.deploy();
  await stateOf(bench).ledger.append({
    kind: 'start', run: 'run-cut', action: 'deploy', release, at: '2026-01-31T12:00:00.000Z', actor: { user: 'ann', host: 'there', pid: 1 }, strategy: 'rolling', processes: { web: { fixed: 2 } },
  });
  await writeFile(file('journal.json'), '{"schema":1,"run":');
  const mended = await mend();
  expect(mended).toMatchObject({ exitCode: 0, document: { outcome: 'done' } });
  const [aside = ''] = (await namesIn(folderOf(bench))).filter((name) => name.startsWith('journal.json.damaged-'));
  expect(mended.document.notes).toEqual([expect.stringMatching(new RegExp(`^journal.json was damaged and is now .*${aside}; `)), 'the deploy run-cut had no end on record; it is closed as done']);
  expect(await readFile(file(aside), 'utf8')).toBe('{"schema":1,"run":');
  expect((await stateOf(bench).ledger.entries()).at(-1)).toMatchObject({ kind: 'end', run: 'run-cut', outcome: 'done', recovered: true });
  expect((await bench.deploy()).document.outcome).toBe('unchanged');
});

test('a journal of a newer version is left alone', async () => {
  await bench.deploy();
  await writeFile(file('journal.json'), '{"schema":99}');
  expect(await mend()).toMatchObject({ exitCode: 3, document: { outcome: 'refused', action: 'repair', error: { code: 'ND-STATE-NEWER' } } });
  expect(await readFile(file('journal.json'), 'utf8')).toBe('{"schema":99}');
});

test('damaged and missing records of a service that the agent knows are written anew; what was unfinished is removed', async () => {
  const { document: { url } } = await bench.deploy();
  const running = await bench.pids();
  const record = await readFile(file('service.json'), 'utf8');
  await writeFile(file('service.json'), '');
  await writeFile(file('instances.json'), 'null');
  await writeFile(file('journal.json.1.abcd.tmp'), 'x');
  await mkdir(file('app/.r0123456789ab.1234.building'));
  await mkdir(file('app/r0123456789ab.removed-77'));
  const mended = await mend();
  expect(mended.document).toMatchObject({ outcome: 'done', notes: [
    expect.stringMatching(/^service\.json was damaged/), expect.stringMatching(/^instances\.json was damaged/),
    expect.stringMatching(/^removed 3 unfinished files and folders: \.r0123456789ab\.1234\.building, r0123456789ab\.removed-77, journal\.json\.1\.abcd\.tmp$/),
  ] });
  expect(await readFile(file('service.json'), 'utf8')).toBe(record);
  await rm(file('service.json'));
  await rm(file('instances.json'));
  expect((await mend()).document.notes).toEqual([expect.stringMatching(/^service\.json was gone/), expect.stringMatching(/^instances\.json was gone/)]);
  await bench.restart();
  expect(await bench.pids()).toEqual(running);
  expect(await get(url)).toMatchObject({ status: 200 });
});

test('an agent that could not read service.json gets it back from what runs', async () => {
  const port = await unusedPort();
  await bench.write('apps/api/deploy.json', deployFile({ environments: { staging: { instances: 2, listen: port } } }));
  const { document: { url, release } } = await bench.deploy();
  const running = await bench.pids();
  await bench.restart(() => writeFile(file('service.json'), '{"schema":1'));
  expect(await bench.deploy()).toMatchObject({ exitCode: 3, document: { error: { code: 'ND-STATE-DAMAGED' } } });
  const [mended, second] = await Promise.all([mend(), mend()]);
  const outcomes = [mended, second].map(({ document: { outcome } }) => outcome).sort();
  expect(outcomes[0]).toBe('done');
  expect(['refused', 'unchanged']).toContain(outcomes[1]);
  expect(await get(url)).toMatchObject({ status: 200 });
  expect(await bench.pids()).toEqual(running);
  expect(await bench.status()).toMatchObject({ live: release, url: `http://127.0.0.1:${port}` });
  expect((await bench.deploy()).document.outcome).toBe('unchanged');
});

test('all records lost at once: the instances are found by their processes, and what can no longer be managed is named', async () => {
  const { document: { release: first = '' } } = await bench.deploy();
  const running = await bench.pids();
  await bench.restart(async () => {
    await writeFile(file('service.json'), '');
    await writeFile(file('instances.json'), '{');
  });
  const mended = await mend();
  expect(mended.document).toMatchObject({ outcome: 'done' });
  expect(mended.document.notes).toEqual(expect.arrayContaining([
    expect.stringMatching(/^instances\.json was damaged .*; 2 instances were found again among the processes$/),
    expect.stringMatching(/^its public port stood in service\.json alone/),
  ]));
  expect(await bench.pids()).toEqual(running);
  expect(JSON.parse((await get(mended.document.url)).body)).toMatchObject({ release: first });

  await bench.restart(() => writeFile(file(`releases/${first}.json`), 'no record'));
  await expect(bench.status()).rejects.toMatchObject({ code: 'ND-STATE-DAMAGED' });
  const lost = await mend();
  expect(lost.document.notes).toEqual(expect.arrayContaining([
    expect.stringMatching(new RegExp(`^${first}\\.json was damaged .*; release ${first} can neither be started again nor rolled back to$`)),
    expect.stringMatching(/^instance web\.1 of release r[0-9a-f]{12} is left alone \(process \d+\)/),
  ]));
  expect(lost).toMatchObject({ exitCode: 2, document: { outcome: 'not-restored', error: { code: 'ND-RELEASE-UNKNOWN' } } });
  for (const pid of running) expect(await identity(pid ?? 0)).toBeDefined();
  await bench.build('2');
  expect(await bench.deploy()).toMatchObject({ document: { outcome: 'done' } });
  for (const pid of running) process.kill(-(pid ?? 0), 'SIGKILL');
  await eventually(async () => (await Promise.all(running.map((pid) => identity(pid ?? 0)))).every((one) => one === undefined), 'the lost instances to end');
});

test('state that a newer version wrote is not repaired', async () => {
  await bench.deploy();
  const newer = (await readFile(file('service.json'), 'utf8')).replace('"schema":1', '"schema":2');
  await bench.restart(() => writeFile(file('service.json'), newer));
  expect(await mend()).toMatchObject({ exitCode: 3, document: { outcome: 'refused', error: { code: 'ND-STATE-NEWER' } } });
  expect(await readFile(file('service.json'), 'utf8')).toBe(newer);
});

test('instances that should run and do not are started, and a route without instances is put right', async () => {
  const { document: { url, release = '' } } = await bench.deploy();
  const [first, second] = await bench.pids();
  await bench.restart(async () => {
    await writeFile(file('instances.json'), JSON.stringify({ schema: 1, instances: [] }));
    for (const pid of [first, second]) process.kill(-(pid ?? 0), 'SIGKILL');
    await eventually(async () => await identity(first ?? 0) === undefined && await identity(second ?? 0) === undefined, 'both to end');
  });
  const mended = await mend();
  expect(mended.document).toMatchObject({ outcome: 'done', notes: [
    `found: ${release} web: 0 running, 2 wanted`, `found: the route names ${release}, which has no instances`, `${release} runs as it should and has all of the traffic`,
  ] });
  expect(await get(url)).toMatchObject({ status: 200 });
  expect((await bench.status()).instances).toHaveLength(2);
  expect((await mend()).document.outcome).toBe('unchanged');
});

test('a port that another program has is no success, and repairs itself once it is free', async () => {
  const port = await unusedPort();
  await bench.write('apps/api/deploy.json', deployFile({ environments: { staging: { listen: port } } }));
  await bench.deploy();
  const thief = createServer((_request, response) => { response.end('thief'); });
  await bench.restart(async () => {
    await eventually(() => new Promise<boolean>((resolve) => { thief.once('error', () => resolve(false)); thief.listen(port, '127.0.0.1', () => resolve(true)); }), 'the port to be free');
  });
  expect(await mend()).toMatchObject({ exitCode: 2, document: { outcome: 'not-restored', error: { code: 'ND-PORT-TAKEN' } } });
  thief.closeAllConnections();
  await new Promise((resolve) => { thief.close(resolve); });
  expect(await mend()).toMatchObject({ exitCode: 0, document: { outcome: 'done' } });
  expect(await get(`http://127.0.0.1:${port}`)).toMatchObject({ status: 200 });
});

test('a broken ledger is told and left as it is', async () => {
  await bench.deploy();
  const ledger = file('ledger/000001.jsonl');
  const changed = (await readFile(ledger, 'utf8')).replace('"outcome":"done"', '"outcome":"d0ne"');
  await writeFile(ledger, changed);
  const told = await mend();
  expect(told.document.notes.at(-1)).toMatch(/^the ledger is not what was written \(.*000001\.jsonl:2: .*\); it is left as it is/);
  expect((await readFile(ledger, 'utf8')).startsWith(changed)).toBe(true);
});

/** The agent leaves and finds a record of its instances that is older than they are. */
async function older(change: (instances: { id: string; pid: number; port: number }[]) => object[]): Promise<void> {
  await bench.restart(async () => {
    const { instances } = JSON.parse(await readFile(file('instances.json'), 'utf8')) as { instances: { id: string; pid: number; port: number }[] };
    await writeFile(file('instances.json'), JSON.stringify({ schema: 1, instances: change(instances) }));
  });
}

test('instances that an older record does not name are taken over, or ended where another has their place', async () => {
  const { document: { url } } = await bench.deploy();
  const running = await bench.pids();
  await older((instances) => instances.filter(({ id }) => id === 'web.1'));
  expect(await bench.pids()).toHaveLength(1);
  expect((await mend()).document).toMatchObject({ outcome: 'done', notes: expect.arrayContaining([expect.stringMatching(/^instance web\.2 of release r[0-9a-f]{12} \(process \d+\) was not on record; it was taken over$/)]) });
  expect(await bench.pids()).toEqual(running);
  await eventually(async () => (await bench.status()).instances.every(({ state }) => state === 'ready'), 'both to be ready');
  expect((await mend()).document.outcome).toBe('unchanged');

  // Nobody has this process id: the agent starts another in its place.
  await older((instances) => instances.map((each) => (each.id === 'web.1' ? { ...each, pid: 2 ** 22 + 1 } : each)));
  const places = await bench.pids();
  const [lost] = running.filter((pid) => !places.includes(pid));
  expect(await identity(lost ?? 0)).toBeDefined();
  expect((await mend()).document.notes).toEqual(expect.arrayContaining([expect.stringMatching(new RegExp(`^instance web\\.1 of release r[0-9a-f]{12} \\(process ${lost ?? ''}\\) was not on record and another has its place; it was ended$`))]));
  expect(await identity(lost ?? 0)).toBeUndefined();
  expect(await bench.pids()).toEqual(places);
  expect(await get(url)).toMatchObject({ status: 200 });
});

test('an instance whose release is not known either is named, and left to whoever reads that', async () => {
  const { document: { release: first = '' } } = await bench.deploy();
  const [lost = 0] = (await bench.pids()).flatMap((pid) => pid ?? []);
  await bench.restart(async () => {
    await writeFile(file('instances.json'), JSON.stringify({ schema: 1, instances: [] }));
    await rm(file(`releases/${first}.json`));
  });
  const told = await mend();
  expect(told.document.notes).toEqual(expect.arrayContaining([expect.stringContaining(`of release ${first} is left alone (process ${lost})`)]));
  expect(await identity(lost)).toBeDefined();
  const named = told.document.notes.flatMap((note) => /left alone \(process (\d+)\)/.exec(note)?.[1] ?? []).map(Number);
  expect(named).toHaveLength(2);
  for (const pid of named) process.kill(-pid, 'SIGKILL');
  // Their programs too, not only the leaders of their groups.
  await eventually(() => processesOf(bench.home.services).length === 0, 'the lost instances to end');
});
