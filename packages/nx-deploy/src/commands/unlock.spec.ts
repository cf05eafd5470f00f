import { benchPerTest, deployFile, eventually, get, Recorder, type Workbench } from './workbench.spec-support.js';
import { done, type Done } from './tasks.spec-support.js';
import { repair } from './repair.js';
import { resolveProject, serviceTarget } from './context.js';
import { status } from './status.js';
import { unlock, type UnlockOptions } from './unlock.js';

let bench: Workbench;
benchPerTest((made) => { bench = made; });

const slowHook = deployFile({ hooks: { preDeploy: [['node', '-e', 'console.log("waiting"); setTimeout(() => {}, 60000)']] } });

function free(options: UnlockOptions = {}): Promise<Done> {
  return done(bench, (context) => unlock(context, options));
}

async function underWay(output = new Recorder()): Promise<{ readonly result: ReturnType<Workbench['deploy']>; readonly run: string }> {
  const result = bench.deploy({}, {}, output);
  await eventually(() => output.events.some((event) => event.type === 'output' || event.type === 'waiting'), 'the run to be under way');
  return { result, run: (await bench.status()).lock?.run ?? '' };
}

/** Its second version ends 6 s after it is told to, so that going back takes as long. */
async function stubborn(): Promise<{ readonly result: ReturnType<Workbench['deploy']>; readonly run: string; readonly first: string }> {
  const file = deployFile({ stopTimeout: '6s', health: { path: '/health', interval: '50ms', timeout: '60s' }, drain: '0s' });
  await bench.write('apps/api/deploy.json', file);
  const { document: { release: first = '' } } = await bench.deploy();
  await bench.build('2');
  // Never ready, and deaf to SIGTERM.
  await bench.write('apps/api/dist/main.js', 'process.on("SIGTERM", () => {}); require("node:http").createServer((q, a) => { a.statusCode = 503; a.end(); }).listen(process.env.PORT, "127.0.0.1");');
  const run = await underWay();
  await eventually(async () => (await bench.status()).instances.some(({ reason }) => reason.includes('503')), 'it to be deaf');
  return { ...run, first };
}

test.each(['never', '-1s', '', '30'])('--wait=%j is no duration', async (wait) => {
  expect(await free({ wait })).toMatchObject({ exitCode: 3, document: { outcome: 'refused', error: { code: 'ND-OPTION-INVALID' } } });
});

test('nothing is locked, or was never deployed: refused', async () => {
  expect(await free()).toMatchObject({ exitCode: 3, document: { error: { code: 'ND-NOT-DEPLOYED' } } });
  await bench.deploy();
  expect(await free()).toMatchObject({ exitCode: 3, document: { outcome: 'refused', error: { code: 'ND-NOT-LOCKED' } } });
});

test('a run that still listens restores and gives the lock back; who held it is told', async () => {
  await bench.write('apps/api/deploy.json', slowHook);
  const { result, run } = await underWay();
  const freed = await free();
  expect(freed).toMatchObject({ exitCode: 0, document: { outcome: 'done', action: 'unlock', how: 'ended', holder: { run, action: 'deploy', actor: { pid: process.pid } } } });
  expect(freed.document.notes[0]).toMatch(new RegExp(`^the deploy ${run} holds the lock, by .+@.+ \\(process ${process.pid}\\) since \\d{4}-`));
  expect(freed.output.lines).toEqual(['unlocked: api staging']);
  expect(await result).toMatchObject({ exitCode: 1, document: { outcome: 'restored' } });
  expect((await bench.status()).lock).toBeUndefined();
});

test('a run that does not end in time loses the lock, does nothing more, and the next command settles what it had begun', async () => {
  const { result, run, first } = await stubborn();
  const freed = await free({ wait: '300ms' });
  expect(freed).toMatchObject({ exitCode: 0, document: { how: 'revoked', holder: { run } } });
  expect(freed.output.text).toContain('run repair, or deploy again');
  // Whoever waits for it is told, although it still hangs.
  expect(await result).toMatchObject({ exitCode: 2, document: { outcome: 'not-restored', run, error: { code: 'ND-LEASE-LOST' } } });
  const between = await bench.status();
  expect(between).toMatchObject({ live: first, interrupted: { run } });
  expect(between.lock).toBeUndefined();
  expect(await free()).toMatchObject({ exitCode: 3, document: { error: { code: 'ND-NOT-LOCKED' } } });
  const mended = await done(bench, (context) => repair(context, {}));
  expect(mended).toMatchObject({ exitCode: 0, document: { outcome: 'done' } });
  // The step that was under way still ends.
  await eventually(async () => (await bench.status()).instances.length === 1, 'the deaf instance to end');
  const after = await bench.status();
  expect(after).toMatchObject({ live: first, instances: [{ release: first, state: 'ready' }] });
  expect(after.interrupted).toBeUndefined();
  expect(await get(after.url)).toMatchObject({ status: 200 });
  // The run that was given up has written nothing since.
  expect(after.releases[0]).toMatchObject({ outcome: 'restored' });
  expect(after.ledger).toMatchObject({ ok: true, entries: 4 });
});

test('status --follow shows a run that somebody else began, from its first event to its end, and has its exit code', async () => {
  expect((await bench.deploy()).document.outcome).toBe('done');
  await bench.write('apps/api/deploy.json', slowHook);
  await bench.build('2');
  const { result, run } = await underWay();
  const output = new Recorder();
  const watching = status(bench.context({}, output), { follow: true });
  await eventually(() => output.events.some((event) => event.type === 'output'), 'the watcher to see what was said before');
  expect(output.events[0]).toMatchObject({ type: 'plan' });
  await free();
  expect(await watching).toMatchObject({ exitCode: 1, document: { outcome: 'restored', exitCode: 1, deployed: true, followed: { run, action: 'deploy', outcome: 'restored', exitCode: 1, error: { code: 'ND-CANCELLED' } } } });
  expect(output.lines[0]).toBe(`the deploy ${run} has ended: restored`);
  expect(output.text).toContain('is live at');
  expect(output.errors).toMatchObject([{ code: 'ND-CANCELLED' }]);
  await result;
});

test('status --follow of nothing under way, and of what was never deployed, ends at once', async () => {
  const show = async (): Promise<Recorder> => {
    const output = new Recorder();
    const shown = await status(bench.context({}, output), { follow: true });
    expect(shown).toMatchObject({ exitCode: 0, document: { outcome: 'done' } });
    expect(shown.document).not.toHaveProperty('followed');
    return output;
  };
  expect((await show()).lines).toEqual(['no run is under way', 'api staging on local: never deployed']);
  await bench.deploy();
  expect((await show()).lines[0]).toBe('no run is under way');
});

test('who stops watching changes nothing for the run', async () => {
  await bench.write('apps/api/deploy.json', slowHook);
  const { result } = await underWay();
  const output = new Recorder();
  const listeners = process.listeners('SIGINT');
  const watching = status(bench.context({}, output), { follow: true });
  await eventually(() => output.events.length > 0, 'the watcher to see something');
  const [stop] = process.listeners('SIGINT').filter((listener) => !listeners.includes(listener));
  stop?.('SIGINT');
  expect(await watching).toMatchObject({ exitCode: 0, document: { lock: { action: 'deploy' } } });
  expect(output.lines[0]).toBe('no longer watching; the run goes on');
  expect((await bench.status()).lock).toBeDefined();
  await free();
  await result;
});

/** Holds the lock as a walker does that is no part of the agent. */
async function walker(action: 'deploy' | 'repair' = 'deploy'): Promise<{ readonly leave: () => void }> {
  const client = await bench.client();
  const context = bench.context();
  const end = new AbortController();
  const body = { ...await serviceTarget(context, resolveProject(context)), node: process.execPath, action: 'deploy', dryRun: false } as const;
  const messages = client.stream('session', body, end.signal)[Symbol.asyncIterator]();
  const { value } = await messages.next();
  if (value?.type !== 'opened') throw new Error('no session');
  const holder = { run: 'run-walker', action, actor: { user: 'ann', host: 'there', pid: 77 }, since: '2026-01-31T12:00:00.000Z' };
  await client.call('platform', { session: value.session, verb: 'lock.acquire', args: [holder] });
  return { leave: () => end.abort() };
}

test('a run whose steps the agent does not know is waited for', async () => {
  await bench.deploy();
  const { leave } = await walker();
  const output = new Recorder();
  const watching = status(bench.context({}, output), { follow: true });
  await eventually(() => output.events.length > 0, 'the watcher to be told');
  expect(output.events).toEqual([{ type: 'note', text: 'the deploy run-walker of ann@there goes on in a process of its own; its steps are not known here' }]);
  leave();
  expect(await watching).toMatchObject({ exitCode: 0, document: { outcome: 'done' } });
  expect(output.lines[0]).toBe('the run has ended');
});

test('such a run loses the lock too, at once with --wait=0s', async () => {
  await bench.deploy();
  const { leave } = await walker();
  const freed = await free({ wait: '0s' });
  expect(freed).toMatchObject({ exitCode: 0, document: { how: 'revoked', holder: { run: 'run-walker', actor: { user: 'ann', host: 'there', pid: 77 } } } });
  expect((await bench.status()).lock).toBeUndefined();
  expect((await bench.deploy()).document.outcome).toBe('unchanged');
  leave();
});

test('what cannot be cancelled is not said to have been asked', async () => {
  await bench.deploy();
  const { leave } = await walker('repair');
  const freed = await free({ wait: '100ms' });
  expect(freed.document.notes[1]).toBe('a repair cannot be cancelled, and has nothing to go back to; it has 100ms to end');
  expect(freed.document.notes.join('\n')).not.toContain('restore');
  leave();
});

test('a duration that is none is explained in words', async () => {
  expect((await free({ wait: '-5s' })).document.error).toMatchObject({ what: '--wait=-5s is no duration', why: 'it has to be a duration like 500ms, 30s, 5m or 1.5h' });
});
