import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { ImageRef } from '../../model/index.js';
import { openStore } from '../../running-environment.js';
import { createRunFolder, recordWalker } from '../../walker/run-folder.js';
import { maintenance, pause, resume } from '../closure.js';
import type { CommandContext } from '../context.js';
import { deploy } from '../deploy.js';
import { destroy } from '../destroy.js';
import { logs } from '../logs.js';
import { prune } from '../prune.js';
import { repair } from '../repair.js';
import type { CommandResult } from '../result.js';
import { status } from '../status.js';
import { unlock } from '../unlock.js';
import { eventually, Recorder } from '../workbench.spec-support.js';
import { deployedImage } from './image.js';
import { Engine } from './engine.spec-support.js';

let engine: Engine;
jest.mock('../../platforms/docker/index.js', () => ({ openDocker: (target: never) => engine.openDocker(target) }));
jest.mock('../../walker/start.js', () => ({ launchWalker: (options: never) => engine.launchWalker(options) }));
jest.mock('../../walker/attach.js', () => ({ ...jest.requireActual<object>('../../walker/attach.js'), cancelRun: (run: never) => engine.cancelRun(run) }));
jest.mock('../../control/code-copies.js', () => ({ ...jest.requireActual<object>('../../control/code-copies.js'), ownCopy: () => '/code/0123456789abcdef/agent.js', pruneCopies: () => Promise.resolve([]) }));
jest.mock('./image.js', () => ({ deployedImage: jest.fn() }));

interface Done extends CommandResult {
  readonly output: Recorder;
}

async function done(command: (context: CommandContext) => Promise<CommandResult>): Promise<Done> {
  const output = new Recorder();
  return { ...await command(engine.context(output)), output };
}

async function deployed(version: string): Promise<string> {
  const artifact: ImageRef = { type: 'image', digest: `sha256:${version.repeat(64)}`, config: `sha256:${'c'.repeat(64)}`, platform: 'linux/amd64', bytes: 10 };
  jest.mocked(deployedImage).mockResolvedValue({ artifact, port: 3000 });
  const { document } = await done((context) => deploy(context, {}));
  return (document as { release: string }).release;
}

beforeEach(async () => { engine = await Engine.open(); });
afterEach(async () => {
  // Whatever was done, no agent was started for it, and no session is left open.
  expect(existsSync(join(engine.folder, 'home', 'agent.json'))).toBe(false);
  expect(engine.closed).toBe(engine.targets.length);
  await engine.close();
});

test('status tells the fleet, the instances, what else there is to know, and where it is', async () => {
  expect((await done((context) => status(context, {}))).output.lines[0]).toMatch(/^api live on \w+: never deployed$/);
  const release = await deployed('1');
  engine.instances = [{ id: 'web.1', release, state: 'ready', reason: '', port: 3000, crashes: 0 }];
  engine.told = ['the router is stopped'];
  engine.platform.counted.set(release, { requests: 7, errors: 1, ejected: 0, latency: { p50: 1, p95: 2, p99: 3 }, times: [] });
  const { document, output } = await done((context) => status(context, { verify: true }));
  expect(document).toMatchObject({ outcome: 'done', deployed: true, live: release, url: 'http://engine:8080', notes: ['the router is stopped'], traffic: { [release]: { requests: 7, errors: 1, p95: 2 } }, ledger: { ok: true } });
  expect(output.text).toContain('note: the router is stopped');
  expect(output.text).toMatch(/web\.1 +r[0-9a-f]{12} +ready/);
  expect(engine.targets.at(-1)).not.toHaveProperty('listen');
});

test('counts that the router does not tell are no reason to tell nothing', async () => {
  await deployed('1');
  jest.spyOn(engine.platform, 'metrics').mockRejectedValue(new Error('the router is gone'));
  expect(await done((context) => status(context, {}))).toMatchObject({ exitCode: 0, document: { deployed: true, traffic: {} } });
});

test('status --follow tells what a walker of this machine does, and of another machine that it goes on', async () => {
  await deployed('1');
  const lease = await engine.platform.state.lock.acquire({ run: 'run-elsewhere', action: 'deploy', actor: { user: 'ann', host: 'there', pid: 1 }, since: '2026-01-31T12:00:00.000Z' });
  const output = new Recorder();
  const following = status(engine.context(output), { follow: true });
  await eventually(() => output.events.length > 0, 'the note');
  expect(output.events).toEqual([{ type: 'note', text: 'the deploy run-elsewhere of ann@there goes on in a process of its own; its steps are not known here' }]);
  await lease.release();
  expect(await following).toMatchObject({ exitCode: 0 });
  expect(output.lines[0]).toBe('the run has ended');
});

test('logs hands on what is asked for, and prints the lines', async () => {
  expect(await done((context) => logs(context, {}))).toMatchObject({ exitCode: 3, document: { error: { code: 'ND-NOT-DEPLOYED' } } });
  const release = await deployed('1');
  engine.platform.lines = [{ at: '2026-01-31T12:00:00.000Z', release, instance: 'web.1', stream: 'out', text: 'hello' }];
  const { document, output } = await done((context) => logs(context, { release, instance: 'web.1', since: '2026-01-31', follow: true }));
  expect(document).toMatchObject({ lines: 1 });
  expect(output.text).toBe(`2026-01-31T12:00:00.000Z ${release} web.1 out hello`);
  expect(engine.platform.asked).toEqual([[release, expect.objectContaining({ instance: 'web.1', since: '2026-01-31T00:00:00.000Z', follow: true })]]);
});

test('repair, prune and destroy are done in this process, over the engine', async () => {
  const first = await deployed('1');
  await deployed('2');
  engine.platform.mended = ['a record was put right'];
  expect(await done((context) => repair(context, {}))).toMatchObject({ exitCode: 0, document: { outcome: 'done', action: 'repair', notes: ['a record was put right'] } });
  expect(await done((context) => prune(context, { keep: 1, dryRun: true }))).toMatchObject({ document: { outcome: 'planned', removed: { releases: [{ id: first }], content: { files: 0, bytes: 0 } } } });
  expect(await done((context) => prune(context, { keep: 1 }))).toMatchObject({ document: { outcome: 'done' } });
  expect(await done((context) => destroy(context, { confirm: 'web' }))).toMatchObject({ exitCode: 3, document: { error: { code: 'ND-NOT-CONFIRMED' } } });
  const destroyed = await done((context) => destroy(context, { confirm: 'api' }));
  expect(destroyed.output.errors).toEqual([]);
  expect(destroyed).toMatchObject({ exitCode: 0, document: { outcome: 'done', action: 'destroy' } });
  expect(engine.platform.calls).toEqual(expect.arrayContaining(['withdraw', 'erase']));
  expect(engine.orders).toHaveLength(2);
});

test.each([['prune', prune], ['destroy', (context: CommandContext) => destroy(context, { dryRun: true })], ['unlock', unlock]] as const)('%s of what was never deployed is refused', async (_name, command) => {
  expect(await done((context) => command(context, {}))).toMatchObject({ exitCode: 3, document: { error: { code: 'ND-NOT-DEPLOYED', what: 'api (live) was never deployed here' } } });
});

describe('unlock', () => {
  const holder = { run: 'run-hangs', action: 'deploy', actor: { user: 'ann', host: 'there', pid: 7 }, since: '2026-01-31T12:00:00.000Z' } as const;

  test('without a holder is refused', async () => {
    await deployed('1');
    expect(await done((context) => unlock(context, {}))).toMatchObject({ exitCode: 3, document: { error: { code: 'ND-NOT-LOCKED' } } });
  });

  test('takes the lock from a run of another machine once its time is over', async () => {
    await deployed('1');
    const lease = await engine.platform.state.lock.acquire(holder);
    const { document, output } = await done((context) => unlock(context, { wait: '100ms' }));
    expect(document).toMatchObject({ outcome: 'done', how: 'revoked', holder });
    expect((document as { notes: string[] }).notes).toEqual([
      'the deploy run-hangs holds the lock, by ann@there (process 7) since 2026-01-31T12:00:00.000Z',
      'it cannot be asked to restore from here: it was started on there; it has 100ms to end',
      expect.stringContaining('it did not end in time, so the lock was taken away from it'),
    ]);
    expect(output.lines).toEqual(['unlocked: api live; run repair, or deploy again']);
    await expect(lease.assert()).rejects.toMatchObject({ code: 'ND-LEASE-LOST' });
  });

  test('asks a walker of this machine to restore, and waits for it', async () => {
    await deployed('1');
    const run = await createRunFolder(join(engine.folder, 'home', 'runs'), holder.run);
    await recordWalker(run, process.pid);
    const lease = await engine.platform.state.lock.acquire(holder);
    const cancel = new AbortController();
    cancel.signal.addEventListener('abort', () => void lease.release());
    engine.cancels.set(run.folder, cancel);
    expect(await done((context) => unlock(context, {}))).toMatchObject({ document: { how: 'ended', notes: [expect.any(String), 'it was asked to restore what ran before', 'it has ended, and the lock is free'] } });
  });

  test('gives a task its time: it has nothing to go back to', async () => {
    await deployed('1');
    await engine.platform.state.lock.acquire({ ...holder, action: 'prune' });
    expect(await done((context) => unlock(context, { wait: '1ms' }))).toMatchObject({ document: { how: 'revoked', notes: [expect.any(String), 'a prune cannot be cancelled, and has nothing to go back to; it has 1ms to end', expect.any(String)] } });
  });
});

test('maintenance and pause close the service to its public, status says so, and resume opens it again', async () => {
  await deployed('1');
  expect(await done((context) => maintenance(context, {}))).toMatchObject({ exitCode: 0, document: { outcome: 'done', action: 'maintenance', now: { type: 'maintenance', by: expect.stringContaining('@') as string } } });
  expect(engine.closing).toMatchObject({ closure: { type: 'maintenance', page: expect.stringContaining('<') as string }, since: expect.stringMatching(/^\d{4}-/) as string });
  expect(await done((context) => status(context, {}))).toMatchObject({ document: { closed: { type: 'maintenance' } } });
  expect(await done((context) => pause(context, { wait: '5s' }))).toMatchObject({ document: { before: { type: 'maintenance' }, now: { type: 'paused' } } });
  expect(await done((context) => resume(context, {}))).toMatchObject({ document: { outcome: 'done', before: { type: 'paused' } } });
  expect(engine.closing).toBeUndefined();
  expect(await done((context) => resume(context, {}))).toMatchObject({ document: { outcome: 'unchanged' } });
});

test('what runs can be compared with the files', async () => {
  const place = { workspaceRoot: engine.root, projectRoot: 'apps/api', projectName: 'api', environment: 'live', variables: engine.variables };
  await expect((await openStore(place)).read()).rejects.toMatchObject({ name: 'EnvSyncError', kind: 'refused' });
  await engine.write('apps/api/environments/env.schema.json', { properties: { A: { default: 'planted-1' }, B: { default: 'planted-2', 'x-secret': true } } });
  await deployed('1');
  const { values, secrets } = await (await openStore(place)).read();
  expect([Object.fromEntries(values), [...secrets]]).toEqual([{ A: 'planted-1', B: 'planted-2' }, ['B']]);
});
