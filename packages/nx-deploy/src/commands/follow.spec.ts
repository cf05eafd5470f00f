import type { RunRequest } from '../control/protocol.js';
import { readWalker, type RunFolder } from '../walker/run-folder.js';
import { messages, waiting, World, type WalkedService, type Wish } from '../walker/world.spec-support.js';
import { resolveProject, serviceTarget } from './context.js';
import type { CommandResult } from './result.js';
import { status } from './status.js';
import { eventually, Recorder } from './workbench.spec-support.js';

/** `status --follow` of a run whose walker is a process of its own. */
let world: World;
let service: WalkedService;
beforeEach(async () => {
  world = await World.open();
  await world.bench.project();
  service = world.service('api');
});
afterEach(() => world.close());

async function order(wish: Wish = {}): Promise<RunRequest> {
  const context = world.bench.context();
  const run = await service.order(wish);
  return { ...run, ...await serviceTarget(context, resolveProject(context)), request: { ...run.request, environment: 'staging' } };
}

function watch(output: Recorder): Promise<CommandResult> {
  return status(world.bench.context({}, output), { follow: true });
}

/** A walker that is in its first hook: it goes on until it is told to end. */
async function inHook(output: Recorder): Promise<{ readonly run: RunFolder; readonly name: string; readonly watching: Promise<CommandResult> }> {
  const walked = await order({ before: [waiting] });
  const run = await service.start(walked);
  await eventually(async () => (await world.bench.status()).lock?.run === walked.request.run, 'the lock to be taken');
  const watching = watch(output);
  await eventually(() => output.events.some(({ type }) => type === 'output'), 'the output of the hook');
  return { run, name: walked.request.run, watching };
}

test('tells what the walker does, from its beginning to its result', async () => {
  const output = new Recorder();
  const { run, name, watching } = await inHook(output);
  const told = messages(run);
  process.kill((await readWalker(run))?.pid ?? 0, 'SIGTERM');
  const watched = await watching;
  expect(watched).toMatchObject({ exitCode: 1, document: { followed: { run: name, action: 'deploy', outcome: 'restored' } } });
  expect(output.lines[0]).toBe(`the deploy ${name} has ended: restored`);
  const events = (await told).flatMap((message) => (message.type === 'event' ? [message.event] : []));
  expect(output.events).toEqual(events);
});

test('a walker that is killed is told as such, and its lock is free', async () => {
  const output = new Recorder();
  const { run, watching } = await inHook(output);
  process.kill((await readWalker(run))?.pid ?? 0, 'SIGKILL');
  expect(await watching).toMatchObject({ exitCode: 1, document: { error: { code: 'ND-INTERRUPTED', what: 'the walker ended without a result' } } });
  await eventually(async () => (await world.bench.status()).lock === undefined, 'the lock to be free');
  expect((await watch(new Recorder())).exitCode).toBe(0);
});

test('who stops watching changes nothing for the walker', async () => {
  const output = new Recorder();
  const before = process.listeners('SIGINT');
  const { run, name, watching } = await inHook(output);
  process.listeners('SIGINT').find((listener) => !before.includes(listener))?.('SIGINT');
  expect(await watching).toMatchObject({ exitCode: 0, document: { lock: { run: name } } });
  expect(output.lines[0]).toBe('no longer watching; the run goes on');
  process.kill((await readWalker(run))?.pid ?? 0, 'SIGTERM');
  await messages(run);
});
