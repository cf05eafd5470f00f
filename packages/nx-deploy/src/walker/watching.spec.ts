import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FakePlatform, fleet } from '../apply/fake-platform.spec-support.js';
import type { RunMessage } from '../control/protocol.js';
import type { ChangeRequest, ChangeResult } from '../engine/request.js';
import { bundle, lives, temporaryFolder, until } from '../shell/programs.spec-support.js';
import { attachRun, cancelRun } from './attach.js';
import { createRunFolder, readWalker, recordWalker, runFolder, type RunFolder } from './run-folder.js';
import { startWalker } from './start.js';
import { findWatches, watcher } from './watching.js';

const folder = temporaryFolder('watching');
const runs = join(folder, 'runs');
const started: RunFolder[] = [];
const watched = { key: { workspace: 'acme', environment: 'live', service: 'api' }, on: 'docker' };

/** A walker over a fleet in its memory, whose first release is there when it begins; a file makes the second one do badly. */
const program = bundle(`
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fleet, releaseNamed } from './apply/fake-platform.spec-support.js';
import { StatefulPlatform } from './engine/stateful-platform.spec-support.js';
import { fileStateStore, memoryLock } from './releases/index.js';
import { walkerProgram } from './walker/program.js';
class Ill extends StatefulPlatform {
  constructor(store, fleet, sign) { super(store, fleet); this.sign = sign; }
  async list() {
    const found = await super.list();
    const ill = existsSync(this.sign);
    return Object.fromEntries(Object.entries(found).map(([id, release]) => [id, ill && id !== 'r000000000001' ? { ...release, crashes: 9 } : release]));
  }
}
walkerProgram((order) => ({
  request: order.request, watched: order.watched,
  async open() {
    mkdirSync(order.state, { recursive: true });
    const state = fileStateStore({ folder: order.state, keyFile: join(order.state, 'target.key'), lock: memoryLock('api') });
    const config = await state.config.seal({ values: {}, secrets: [] });
    await state.releases.put({ ...releaseNamed('r000000000001'), config });
    const entry = { run: 'run-0', action: 'deploy', release: 'r000000000001', at: '2026-01-31T12:00:00.000Z', actor: order.request.actor };
    await state.ledger.append({ kind: 'start', strategy: 'rolling', processes: { web: { fixed: 1 } }, ...entry });
    await state.ledger.append({ kind: 'end', outcome: 'done', durationMs: 1, ...entry });
    return { platform: new Ill(state, fleet({ r000000000001: [1, 100] }), join(order.state, 'ill')), close: async () => undefined };
  },
}));
`, join(folder, 'walker.js'));

afterEach(async () => {
  for (const run of started.splice(0)) {
    const pid = (await readWalker(run))?.pid ?? 0;
    if (lives(pid)) process.kill(pid, 'SIGKILL');
  }
});

function request(run: string, watch: ChangeRequest['watch']): ChangeRequest {
  return {
    run, actor: { user: 'ann', host: 'here', pid: 1 }, service: 'api', environment: 'live', strategy: { type: 'rolling', batch: 100 }, hooks: { before: [], after: [] }, deadline: 20_000, keep: 5, dryRun: false,
    change: { action: 'deploy', processes: { web: { fixed: 1 } }, deployable: { artifact: { type: 'files', digest: 'sha256:2', files: 1, bytes: 1 }, config: { values: {}, secrets: [] }, spec: { processes: { web: { command: ['x'] } }, cwd: '.', port: 0, health: { path: '/', timeout: 5_000, interval: 10, passes: 1 }, drain: 0, stopTimeout: 10, limits: {} } } },
    ...(watch === undefined ? {} : { watch }),
  };
}

let count = 0;
async function deployed({ ms = 60_000, attached = false } = {}): Promise<{ readonly run: RunFolder; readonly state: string }> {
  count += 1;
  const [name, state] = [`run-${count}`, join(folder, `state-${count}`)];
  const run = await startWalker({ runs, run: name, program, order: { request: request(name, { ms, attached, rollbackHooks: { before: [], after: [] } }), watched: { ...watched, on: `docker ${count}` }, state } });
  started.push(run);
  return { run, state };
}

async function result(run: RunFolder, each: (message: RunMessage) => void = () => undefined): Promise<ChangeResult> {
  for await (const message of attachRun(run)) {
    each(message);
    if (message.type === 'result') return message.result;
  }
  throw new Error('no result');
}

const now = (): Promise<readonly { readonly release: string; readonly alive: boolean }[]> => findWatches(runs, { ...watched, on: `docker ${count}` });
const ended = (run: RunFolder): Promise<unknown> => until('the end of the walker', async () => !lives((await readWalker(run))?.pid ?? 0));
const after = ({ after: file }: RunFolder): readonly RunMessage[] => readFileSync(file, 'utf8').trim().split('\n').map((line) => JSON.parse(line) as RunMessage);

test('the result comes at once; the walker lives on without the lock, on record, until the watch is over', async () => {
  const { run } = await deployed({ ms: 1_500 });
  const { outcome, release = '', previous } = await result(run);
  expect({ outcome, previous }).toEqual({ outcome: 'done', previous: 'r000000000001' });
  expect(await now()).toEqual([expect.objectContaining({ release, previous, alive: true, run: `run-${count}` })]);
  await ended(run);
  expect(await now()).toEqual([]);
  expect(after(run).at(-1)).toMatchObject({ type: 'result', result: { outcome: 'done' } });
  // Nothing stands behind the result.
  expect(readFileSync(run.events, 'utf8').trim().split('\n').at(-1)).toMatch(/^\{"type":"result"/);
});

test('what does badly is taken back, without anybody who watches', async () => {
  const { run, state } = await deployed();
  expect((await result(run)).outcome).toBe('done');
  writeFileSync(join(state, 'ill'), '');
  await ended(run);
  expect(after(run).at(-1)).toMatchObject({ type: 'result', result: { outcome: 'restored', error: { code: 'ND-WATCH-FAILED' } } });
  const ledger = readFileSync(join(state, 'ledger', '000001.jsonl'), 'utf8');
  expect(ledger).toContain('"action":"rollback"');
});

test('who stays is told what came of it', async () => {
  const { run, state } = await deployed({ attached: true });
  const told = await result(run, (message) => {
    if (message.type === 'event' && message.event.type === 'waiting' && message.event.for.startsWith('a watch')) writeFileSync(join(state, 'ill'), '');
  });
  expect(told).toMatchObject({ outcome: 'restored', error: { code: 'ND-WATCH-FAILED' }, run: `run-${count}` });
  await ended(run);
});

test('a signal while somebody stays lets them go, and the watch goes on; the next one ends it', async () => {
  const { run } = await deployed({ attached: true });
  let asked = false;
  const told = await result(run, (message) => {
    if (asked || message.type !== 'event' || message.event.type !== 'waiting' || !message.event.for.startsWith('a watch')) return;
    asked = true;
    void cancelRun(run);
  });
  expect(told.outcome).toBe('done');
  expect(await now()).toEqual([expect.objectContaining({ alive: true })]);
  await cancelRun(run);
  await ended(run);
  expect(await now()).toEqual([]);
  expect(JSON.stringify(after(run))).toContain('was ended before its time');
});

test('a walker that is killed leaves its record, which says so', async () => {
  const { run } = await deployed();
  await result(run);
  process.kill((await readWalker(run))?.pid ?? 0, 'SIGKILL');
  await ended(run);
  expect(await now()).toEqual([expect.objectContaining({ alive: false })]);
  expect(await findWatches(runs, watched)).toEqual([]);
});

test('a deploy of the same release takes the watch over that knows what to go back to', async () => {
  const { run } = await deployed();
  const { release = '', previous = '' } = await result(run);
  const own = await createRunFolder(runs, 'run-again');
  await recordWalker(own, process.pid);
  const stop = new AbortController();
  const same: ChangeResult = { outcome: 'done', run: 'run-again', action: 'deploy', service: 'api', environment: 'live', release, durationMs: 1, stages: {} };
  const platform = new FakePlatform(fleet({ [release]: [1, 100] }));
  const again = await watcher(own, { ...watched, on: `docker ${count}` }, stop.signal)({ platform, request: request('run-again', { ms: 60_000, attached: false, rollbackHooks: { before: [], after: [] } }), result: same, emit: () => undefined }, new AbortController().signal);
  expect(again.result).toEqual(same);
  await ended(run);
  expect(await now()).toEqual([expect.objectContaining({ run: 'run-again', release, previous, alive: true })]);
  stop.abort();
  await again.ended;
  expect(await now()).toEqual([]);
});

test('a record that is damaged is none, and so is a folder that is not there', async () => {
  mkdirSync(join(runs, 'run-odd'), { recursive: true });
  writeFileSync(runFolder(join(runs, 'run-odd')).watch, '{"name":1');
  expect(await findWatches(runs, watched)).toEqual([]);
  expect(await findWatches(join(folder, 'none'), watched)).toEqual([]);
});
