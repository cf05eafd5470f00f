import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { processesOf, isRunning } from '../../../../e2e/support/processes.js';
import { startLoad } from '../../../../tools/load/launch.js';
import { BUNDLES, eventually, get } from '../commands/workbench.spec-support.js';
import { connectAgent } from '../control/launch.js';
import { bundleFile, temporaryFolder } from '../shell/programs.spec-support.js';
import { cancelRun } from './attach.js';
import { readWalker, runFolder } from './run-folder.js';
import { messages, resultOf, waiting, WALKER, World } from './world.spec-support.js';

const MIX = { get: 60, fresh: 25, post: 15 };
const programs = temporaryFolder('walker');
let world: World;
// One for each test: services that those before it left running would take its time.
beforeEach(async () => { world = await World.open(); });
afterEach(async () => {
  const { folder } = world.bench;
  await world.close();
  await eventually(() => processesOf(folder).length === 0, 'nothing to be left');
});

test('a deploy through the walker fails no request, and gives what the agent itself gives', async () => {
  const [alone, inside] = [world.service('alone'), world.service('inside')];
  const first = await alone.walk(await alone.order());
  expect(first).toMatchObject({ outcome: 'done' });
  await inside.inAgent(await inside.order());
  const load = await startLoad({ url: first.url ?? '', rate: 200, mix: MIX });
  const told = await messages(await alone.start(await alone.order({ version: '2' })));
  const report = await load.stop();
  expect(report).toMatchObject({ failures: 0, firstFailures: [] });
  expect(Object.keys(report.releases).sort()).toEqual([first.release, resultOf(told).release].sort());

  const same = await inside.inAgent(await inside.order({ version: '2' }));
  const walked = resultOf(told);
  const comparable = ({ outcome, action, release, previous, stages, size, configuration, error }: typeof walked): object => ({ outcome, action, release, previous, stages: Object.keys(stages), size, configuration, error });
  const shape = (list: typeof told): readonly string[] => list.flatMap((message) => (message.type === 'event' && message.event.type !== 'waiting' ? [message.event.type] : [message.type]));
  // Waiting, observing and counting depend on how quickly instances get ready.
  const shapes = [shape(told), shape(same.messages)].map((list) => list.filter((type) => type !== 'fleet' && type !== 'event' && type !== 'traffic'));
  expect(shapes[0]).toEqual(shapes[1]);
  expect(comparable(walked)).toEqual({ ...comparable(same.result) });
  expect((await alone.status()).lock).toBeUndefined();
});

test('a no-op, a dry run, a refusal and a rollback cross the socket as well', async () => {
  const service = world.service('kinds');
  expect(await service.walk(service.run({ action: 'rollback' }))).toMatchObject({ outcome: 'refused', error: { code: 'ND-NOT-DEPLOYED' } });
  const first = await service.walk(await service.order());
  expect(await service.walk(await service.order())).toMatchObject({ outcome: 'unchanged', release: first.release });
  expect(await service.walk(await service.order({ version: '2', dryRun: true }))).toMatchObject({ outcome: 'planned', plan: expect.stringContaining('2') });
  expect(await service.walk(await service.order({ version: '2' }))).toMatchObject({ outcome: 'done', previous: first.release });
  expect(await service.walk(service.run({ action: 'rollback' }))).toMatchObject({ outcome: 'done', action: 'rollback', release: first.release });
  expect(await service.walk(await service.order({ fixture: 'exits-at-start' }))).toMatchObject({ outcome: 'restored', error: { code: 'ND-NOT-READY' } });
  expect(await service.walk({ ...await service.order(), owner: 'another' })).toMatchObject({ outcome: 'refused', error: { code: 'ND-OWNER-CONFLICT' } });
});

test.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)('%s takes back what was begun', async (signal) => {
  const service = world.service(signal.toLowerCase());
  const first = await service.walk(await service.order());
  const run = await service.start(await service.order({ version: '2', after: [waiting] }));
  const told = messages(run);
  await eventually(async () => (await service.status()).live !== first.release, 'the traffic to move');
  const { pid = 0 } = await readWalker(run) ?? {};
  process.kill(pid, signal);
  expect(resultOf(await told)).toMatchObject({ outcome: 'restored', error: { code: 'ND-CANCELLED' } });
  expect(await get(first.url)).toMatchObject({ status: 200 });
  expect(await service.status()).toMatchObject({ live: first.release });
  await eventually(() => !isRunning(pid), 'the walker to end');
});

test('cancel takes back what was begun, whether the walker or the agent is asked; a second run is refused and names the first', async () => {
  const service = world.service('cancel');
  const first = await service.walk(await service.order());
  for (const way of ['walker', 'agent'] as const) {
    const order = await service.order({ version: '2', before: [waiting] });
    const run = await service.start(order);
    await eventually(async () => (await service.status()).lock?.run === order.request.run, 'the lock to be taken');
    const refused = [await service.walk(await service.order({ version: '3' })), (await service.inAgent(await service.order({ version: '3' }))).result];
    for (const result of refused) {
      expect(result).toMatchObject({ outcome: 'refused', error: { code: 'ND-LOCKED', why: expect.stringMatching(/^tester@here \(process \d+\) holds it since \d{4}-/) } });
      expect(result.error?.why).toContain(order.request.run);
    }
    const told = messages(run);
    if (way === 'walker') expect(await cancelRun(run)).toBe(true);
    else expect(await (await world.bench.client()).call('cancel', { run: order.request.run })).toEqual({ cancelled: true });
    expect(resultOf(await told)).toMatchObject({ outcome: 'restored' });
    await eventually(async () => !await cancelRun(run), 'the walker to end');
  }
  expect(await service.status()).toMatchObject({ live: first.release });
});

test('a reader that leaves changes nothing, and another reads everything from the beginning', async () => {
  const service = world.service('readers');
  await service.walk(await service.order());
  const run = await service.start(await service.order({ version: '2' }));
  const all = messages(run);
  expect(resultOf(await all)).toMatchObject({ outcome: 'done' });
  expect(await messages(run)).toEqual(await all);
});

test('ending the whole process tree of the command does not reach the walker', async () => {
  const program = bundleFile('walker/starter.spec-support.ts', join(programs, 'starter.js'));
  const service = world.service('tree');
  const first = await service.walk(await service.order());
  const order = await service.order({ version: '2', before: [{ ...waiting, run: [process.execPath, '-e', 'setTimeout(() => {}, 1500)'] }] });
  const { runs } = world.bench.home;
  const load = await startLoad({ url: first.url ?? '', rate: 100, mix: MIX });
  const starter = spawn(process.execPath, [program], { stdio: ['pipe', 'pipe', 'inherit'], detached: true });
  const closed = new Promise((resolve) => starter.once('close', resolve));
  starter.stdin.end(JSON.stringify({ runs, run: order.request.run, program: WALKER, order: service.localOrder(order) }));
  await new Promise((resolve) => starter.stdout.once('data', resolve));
  const tree = descendants(starter.pid ?? 0);
  expect(tree.length).toBeGreaterThanOrEqual(2);
  const run = runFolder(join(runs, order.request.run));
  const walker = (await readWalker(run))?.pid ?? 0;
  expect(tree).not.toContain(walker);
  for (const pid of tree) process.kill(pid, 'SIGKILL');
  await closed;
  expect(isRunning(walker)).toBe(true);
  expect(resultOf(await messages(run))).toMatchObject({ outcome: 'done' });
  expect(await load.stop()).toMatchObject({ failures: 0 });
});

test('an agent that is killed under the walker ends the run, not restored; the next one brings it to an end', async () => {
  const apart = await World.apart();
  try {
    const service = apart.service('apart');
    const first = await service.walk(await service.order());
    const order = await service.order({ version: '2', after: [{ ...waiting, run: [process.execPath, '-e', 'setTimeout(() => {}, 1500)'] }] });
    const run = await service.start(order);
    await eventually(async () => (await service.status()).live !== first.release, 'the traffic to move');
    const { pid } = (await apart.bench.client()).hello;
    process.kill(pid, 'SIGKILL');
    expect(resultOf(await messages(run))).toMatchObject({ outcome: 'not-restored', error: { code: 'ND-INTERRUPTED' } });
    await connectAgent(apart.bench.home, BUNDLES);
    await eventually(async () => {
      const { lock, live, interrupted } = await service.status();
      return lock === undefined && interrupted === undefined && live === first.release;
    }, 'the recovery');
    expect(await service.status()).toMatchObject({ ledger: { ok: true } });
    expect(await get(first.url)).toMatchObject({ status: 200 });
    expect(await service.walk(await service.order({ version: '2' }))).toMatchObject({ outcome: 'done' });
  } finally {
    await apart.close();
    await eventually(() => processesOf(apart.bench.folder).length === 0, 'nothing to be left');
  }
});

test('the order and its secrets stand in no file, no argument and no environment of the walker', async () => {
  const secret = 'kVvWq8fsnTq2c3Lr';
  const service = world.service('secret');
  const order = await service.order({ secret, before: [waiting] });
  const run = await service.start(order);
  await eventually(async () => (await service.status()).lock?.run === order.request.run, 'the lock to be taken');
  const { pid = 0 } = await readWalker(run) ?? {};
  const facts = ['cmdline', 'environ'].map((file) => readFileSync(`/proc/${pid}/${file}`, 'latin1'));
  await cancelRun(run);
  await messages(run);
  const files = readdirSync(run.folder);
  expect(files.sort()).toEqual(['events.jsonl', 'walker.json', 'walker.log']);
  for (const text of [...facts, ...files.map((name) => readFileSync(join(run.folder, name), 'utf8'))]) expect(text).not.toContain(secret);
  expect(facts[1]?.split('\0').map((line) => line.split('=')[0]).filter((name) => /NX_|JEST|npm_|TOKEN/.test(name ?? ''))).toEqual([]);
});

/** The process and all its children's children, as a tree kill finds them. */
function descendants(root: number): readonly number[] {
  const parents = readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map((name) => {
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'latin1');
      return { pid: Number(name), parent: Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) };
    } catch {
      return { pid: Number(name), parent: 0 };
    }
  });
  const below = (pid: number): number[] => parents.filter(({ parent }) => parent === pid).flatMap((child) => [child.pid, ...below(child.pid)]);
  return [root, ...below(root)];
}
