import { createServer } from 'node:net';
import { eventually, get, unusedPort } from '../commands/workbench.spec-support.js';
import { runChange } from '../engine/change.js';
import type { ChangeResult } from '../engine/request.js';
import { asDeployError } from '../errors.js';
import type { Platform } from '../platforms/platform.js';
import type { LockHolder } from '../releases/index.js';
import { World, type WalkedService } from '../walker/world.spec-support.js';
import type { AgentClient } from './client.js';
import { openSession, type PlatformSession } from './platform-session.js';
import type { RunRequest } from './protocol.js';

let world: World;
let service: WalkedService;
let open: PlatformSession[];
beforeEach(async () => {
  world = await World.open();
  service = world.service('api');
  open = [];
});
afterEach(async () => {
  for (const session of open) await session.close();
  await world.close();
});

async function session(order?: RunRequest, cancel: () => void = () => undefined): Promise<PlatformSession> {
  const opened = await openSession(await world.bench.client(), order ?? await service.order(), cancel);
  open.push(opened);
  return opened;
}

async function change(order: RunRequest): Promise<ChangeResult> {
  const { platform, close } = await session(order);
  const result = await runChange({ platform, request: order.request, emit: () => undefined, signal: new AbortController().signal });
  await close();
  return result;
}

const holder = (run: string): LockHolder => ({ run, actor: { user: 'tester', host: 'laptop', pid: 7 }, action: 'deploy', since: '2026-01-01T00:00:00.000Z' });

test('a change walks through a session as it does in the agent', async () => {
  expect(await change(await service.order({ dryRun: true }))).toMatchObject({ outcome: 'planned' });
  const first = await change(await service.order());
  expect(first).toMatchObject({ outcome: 'done', url: expect.stringMatching(/^http:/) });
  expect(await change(await service.order({ version: '2' }))).toMatchObject({ outcome: 'done', previous: first.release });
  expect(await change(service.run({ action: 'rollback' }))).toMatchObject({ outcome: 'done', release: first.release });
  expect(await service.status()).toMatchObject({ live: first.release, ledger: { ok: true, entries: 6 } });
  expect((await service.status()).lock).toBeUndefined();
});

test('whatever is asked is answered by the platform in the agent', async () => {
  const secret = 'a secret of this spec';
  const { release = '', url } = await change(await service.order({ secret }));
  const { platform } = await session();
  const { state } = platform;
  const lease = await state.lock.acquire(holder('run-1'));
  const record = await state.releases.get(release);
  const one = { processes: { web: { running: 2, ready: 2, draining: 0 } }, weight: 100 };
  expect({ name: platform.name, can: platform.can }).toEqual({ name: 'local', can: ['overlap', 'split', 'many'] });
  expect(await platform.list()).toEqual({ [release]: one });
  expect(await platform.drift()).toEqual([]);
  expect(await platform.exists(release)).toBe(true);
  expect(await platform.exists('r000000000000')).toBe(false);
  expect(await platform.ready(release, 5_000)).toEqual({ ready: true });
  expect(await platform.address(release)).toEqual({ host: '127.0.0.1', port: expect.any(Number) });
  expect(await platform.address('r000000000000')).toBeUndefined();
  expect(await platform.url()).toBe(url);
  expect(await platform.metrics?.(release, 60_000)).toMatchObject({ errors: 0 });
  expect(await state.releases.list()).toEqual([record]);
  expect(await state.releases.get('r000000000000')).toBeUndefined();
  const opened = record === undefined ? undefined : await state.config.open(record.config);
  expect(opened).toEqual({ values: { TOKEN: secret }, secrets: ['TOKEN'] });
  expect(opened === undefined ? undefined : await state.config.ref(opened)).toEqual(record?.config);
  expect(await state.ledger.verify()).toMatchObject({ ok: true, entries: 2 });
  expect(await state.lock.holder()).toMatchObject({ run: 'run-1', actor: { host: 'laptop' } });
  expect(await state.journal.read()).toBeUndefined();
  await changesOf(platform, release);
  for await (const line of platform.logs(release, { follow: false })) expect(line).toMatchObject({ release });
  for await (const line of platform.logs(undefined, { instance: 'web.1', since: '2020-01-01T00:00:00.000Z' })) expect(line).toMatchObject({ instance: 'web.1' });
  await lease.release();
});

/** Those that a walk does not make, or that leave nothing to see. */
async function changesOf(platform: Platform, release: string): Promise<void> {
  const { state } = platform;
  await platform.preflight();
  await platform.revert();
  const spare = { ...(await state.releases.get(release))!, id: 'r000000000001' };
  const ref = await state.config.seal({ values: { OTHER: 'x' }, secrets: [] });
  await state.config.remove(ref);
  await expect(state.config.open(ref)).rejects.toMatchObject({ code: 'ND-STATE-DAMAGED' });
  await state.releases.put(spare);
  expect(await state.releases.get(spare.id)).toEqual(spare);
  await state.releases.remove(spare.id);
  await state.releases.put(spare);
  await platform.remove(spare.id);
  expect((await state.releases.list()).map(({ id }) => id)).toEqual([release]);
}

test('what the agent refuses is refused here: errors keep their code and their words', async () => {
  await change(await service.order());
  await expect(session({ ...await service.order(), owner: 'another' })).rejects.toMatchObject({ code: 'ND-OWNER-CONFLICT' });
  await expect(openSession(await world.bench.client(), world.service('never').run({ action: 'rollback' }), () => undefined)).rejects.toMatchObject({ code: 'ND-NOT-DEPLOYED' });
  const port = await unusedPort();
  const { platform } = await session({ ...await service.order(), listen: { address: '127.0.0.1', port } });
  await platform.preflight();
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(port, '127.0.0.1', resolve));
  await expect(platform.preflight()).rejects.toMatchObject({ code: 'ND-PORT-TAKEN' });
  await new Promise((resolve) => other.close(resolve));
});

test('nothing is changed without the lock', async () => {
  const { platform } = await session();
  for (const call of [() => platform.scale('r000000000000', {}), () => platform.route({}), () => platform.state.journal.clear(), () => platform.state.releases.remove('r000000000000')]) {
    await expect(call()).rejects.toMatchObject({ code: 'ND-LOCKED' });
  }
});

test('two sessions: one holds the lock, the other is told who, since when and from where; it is free when the first is gone', async () => {
  const [first, second] = [await session(), await session()];
  const lease = await first.platform.state.lock.acquire(holder('run-1'));
  await lease.assert();
  await expect(second.platform.state.lock.acquire(holder('run-2'))).rejects.toMatchObject({ code: 'ND-LOCKED', parts: { why: 'tester@laptop (process 7) holds it since 2026-01-01T00:00:00.000Z, run run-1' } });
  await first.close();
  await expect(lease.assert()).rejects.toMatchObject({ code: 'ND-INTERRUPTED' });
  await lease.release();
  await eventually(async () => (await service.status()).lock === undefined, 'the lock to be free', 1_000);
  const next = await second.platform.state.lock.acquire(holder('run-2'));
  await next.release();
  await expect(next.assert()).rejects.toMatchObject({ code: 'ND-LOCKED' });
});

test('a lease that was taken away is lost, and what it would change is refused', async () => {
  const [first, second] = [await session(), await session()];
  const lease = await first.platform.state.lock.acquire(holder('run-1'));
  expect(await second.platform.state.lock.revoke('run-other')).toBe(false);
  expect(await second.platform.state.lock.revoke('run-1')).toBe(true);
  await expect(lease.assert()).rejects.toMatchObject({ code: 'ND-LEASE-LOST' });
  await expect(first.platform.route({})).rejects.toMatchObject({ code: 'ND-LEASE-LOST' });
  await second.platform.state.lock.acquire(holder('run-2'));
  await lease.release();
  expect(await second.platform.state.lock.holder()).toMatchObject({ run: 'run-2' });
});

test('what a walker that is gone had asked for has ended when the next one gets the lock', async () => {
  const { release = '', url } = await change(await service.order());
  const [first, second, third] = [await session(), await session(), await session()];
  await first.platform.state.lock.acquire(holder('run-1'));
  const slow = get(url, '/slow?ms=1500');
  await eventually(async () => ((await first.platform.list())[release]?.processes['web']?.ready ?? 0) === 2, 'the request to be under way');
  await new Promise((resolve) => setTimeout(resolve, 200));
  const cut = first.platform.scale(release, {}).catch((error: unknown) => error);
  await eventually(async () => ((await second.platform.list())[release]?.processes['web']?.draining ?? 0) > 0, 'the instances to drain');
  await first.close();
  await eventually(async () => (await service.status()).lock === undefined, 'the lock to be free', 1_000);
  // One that gives up while it waits holds nothing afterwards.
  const given = third.platform.state.lock.acquire(holder('run-3')).catch((error: unknown) => error);
  await eventually(async () => (await service.status()).lock?.run === 'run-3', 'the third to wait');
  await third.close();
  await given;
  await eventually(async () => (await service.status()).lock === undefined, 'the lock to be free');
  await second.platform.state.lock.acquire(holder('run-2'));
  expect((await second.platform.list())[release]?.processes).toEqual({});
  expect(await slow).toMatchObject({ status: 200 });
  await cut;
});

test('cancel by the name of the run reaches the walker', async () => {
  let cancelled = 0;
  const { platform } = await session(undefined, () => { cancelled += 1; });
  const lease = await platform.state.lock.acquire(holder('run-1'));
  const client = await world.bench.client();
  expect(await client.call('cancel', { run: 'run-1' })).toEqual({ cancelled: true });
  await eventually(() => cancelled === 1, 'the cancel');
  await lease.release();
  expect(await client.call('cancel', { run: 'run-1' })).toEqual({ cancelled: false });
});

test('an agent that is told to stop has the change taken back first; then the session is over', async () => {
  let cancelled = false;
  const { platform } = await session(undefined, () => { cancelled = true; });
  const lease = await platform.state.lock.acquire(holder('run-1'));
  const stopped = (await world.bench.client()).call('stop', { instances: true });
  await eventually(() => cancelled, 'the cancel');
  expect(await platform.list()).toEqual({});
  await lease.release();
  expect(await stopped).toEqual({ stopped: 0 });
  await eventually(async () => platform.url().then(() => false, (error: unknown) => asDeployError(error).code === 'ND-INTERRUPTED'), 'the connection to break');
  await expect(lease.assert()).rejects.toMatchObject({ code: 'ND-INTERRUPTED', parts: { next: expect.stringContaining('status') } });
  await lease.release();
});

test('an agent that does not know the session or the verb says so', async () => {
  const client = await world.bench.client();
  await expect(client.call('platform', { session: 'none', verb: 'list', args: [] })).rejects.toMatchObject({ code: 'ND-INTERRUPTED' });
  const leave = new AbortController();
  const opened = client.stream('session', { ...service.target, node: process.execPath, action: 'deploy', dryRun: true }, leave.signal)[Symbol.asyncIterator]();
  const first = (await opened.next()).value as { readonly session: string };
  for (const verb of ['toString', 'native', '']) {
    await expect(client.call('platform', { session: first.session, verb, args: [] })).rejects.toMatchObject({ code: 'ND-AGENT-VERSION' });
  }
  leave.abort();
  expect(await opened.next()).toEqual({ done: true, value: undefined });
});

test.each([[[]], [[{ type: 'cancel' }]]])('an answer of %j is no session', async (lines) => {
  const hello = (await world.bench.client()).hello;
  const agent = { hello, call: () => Promise.reject(new Error('no call is expected')), stream: async function* () { yield* lines; } } as unknown as AgentClient;
  await expect(openSession(agent, await service.order(), () => undefined)).rejects.toMatchObject({ code: 'ND-INTERRUPTED' });
});
