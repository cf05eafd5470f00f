/** Runs that are killed while a hook of theirs runs, and what comes after them. */
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PreparedHook } from '../hooks/run-hooks.js';
import { bundle, lives, node, temporaryFolder, until } from '../shell/programs.spec-support.js';
import { runChange } from './change.js';
import { build, request } from './changes.spec-support.js';
import { endOrphanedHook, hookTrace } from './orphaned-hook.js';
import type { ChangeRequest, ChangeResult } from './request.js';
import { StatefulPlatform, tempState, type TempState } from './stateful-platform.spec-support.js';
import { runTask, type TaskOrder, type TaskResult } from './task.js';

const RUN = 'run-killed';
/** Runs a hook on record, and is killed. */
const runner = bundle(`
  import { hookTrace } from './engine/orphaned-hook.js';
  import { runHooks } from './hooks/run-hooks.js';
  import { fileStateStore, memoryLock } from './releases/index.js';
  const [folder, run] = process.argv.slice(2);
  const state = fileStateStore({ folder, keyFile: folder + '/key', lock: memoryLock('api') });
  const hook = { run: [process.execPath, '-e', 'require("fs").writeFileSync(' + JSON.stringify(folder + '/pid') + ', String(process.pid)); setInterval(() => {}, 1000)'], env: {}, timeout: 60000, cwd: folder };
  void runHooks('preDeploy', [hook], { facts: { NX_DEPLOY_RUN: run }, secrets: {}, emit: () => undefined, trace: hookTrace(state, undefined, { run, hook: 'preDeploy' }) });
`, join(temporaryFolder('orphaned-hook'), 'runner.cjs'));

let temp: TempState;
let platform: StatefulPlatform;
let notes: string[];
let orphan: number;
beforeEach(async () => {
  temp = await tempState();
  platform = new StatefulPlatform(temp.state);
  notes = [];
  const { child, code } = node([runner, temp.folder, RUN]);
  orphan = Number(await until('the hook', async () => existsSync(join(temp.folder, 'pid')) && (await temp.state.hook.read())?.process !== undefined ? readFile(join(temp.folder, 'pid'), 'utf8') : undefined));
  child.kill('SIGKILL');
  await code;
});
afterEach(async () => {
  if (lives(orphan)) process.kill(orphan, 'SIGKILL');
  await temp.remove();
});

const ENDED = expect.stringMatching(/^the hook preDeploy of run-killed outlived the process that ran it and was ended \(process \d+\)$/);

function change(rest: Partial<ChangeRequest> = {}): Promise<ChangeResult> {
  return runChange({ platform, request: request(build('1'), rest), emit: (event) => { if (event.type === 'note') notes.push(event.text); }, signal: new AbortController().signal });
}

function task(order: TaskOrder): Promise<TaskResult> {
  const upkeep = { mend: () => Promise.resolve([]), withdraw: () => Promise.resolve(), erase: () => Promise.resolve() };
  return runTask({
    platform: Object.assign(platform, upkeep), emit: () => undefined, sweep: () => Promise.resolve({ files: 0, bytes: 0 }),
    request: { run: 'run-task', actor: { user: 'ann', host: 'here', pid: 1 }, service: 'api', environment: 'staging', order },
  });
}

test('the hook outlives its runner, and is on record with its process', async () => {
  expect(lives(orphan)).toBe(true);
  expect(await temp.state.hook.read()).toMatchObject({ run: RUN, hook: 'preDeploy', process: { pid: orphan } });
});

test('the next change ends it before its own hooks run, tells it once, and leaves no record', async () => {
  const seen = join(temp.folder, 'seen');
  const hook: PreparedHook = { run: [process.execPath, '-e', `const fs = require("fs"); let two = false; try { two = !/\\) [ZX] /.test(fs.readFileSync("/proc/${orphan}/stat", "latin1")); } catch { two = false; } fs.writeFileSync(${JSON.stringify(seen)}, String(two))`], env: {}, timeout: 20_000, cwd: temp.folder };
  expect(await change({ hooks: { before: [hook], after: [] } })).toMatchObject({ outcome: 'done' });
  expect(await readFile(seen, 'utf8')).toBe('false');
  expect(notes).toContainEqual(ENDED);
  expect(await temp.state.hook.read()).toBeUndefined();
  notes = [];
  await change();
  expect(notes).toEqual([]);
});

test('a resume ends it, also when it finds nothing to resume', async () => {
  await runChange({ platform, request: request({ action: 'resume', rollbackHooks: { before: [], after: [] } }), emit: () => undefined, signal: new AbortController().signal });
  expect(lives(orphan)).toBe(false);
});

test('a dry run, and whoever does not get the lock, leave it alone', async () => {
  await change({ dryRun: true });
  const lease = await temp.state.lock.acquire({ run: 'run-other', action: 'deploy', actor: { user: 'ann', host: 'here', pid: 1 }, since: 'now' });
  expect(await change()).toMatchObject({ outcome: 'refused', error: { code: 'ND-LOCKED' } });
  await lease.release();
  expect(lives(orphan)).toBe(true);
});

test.each<TaskOrder>([{ action: 'repair' }, { action: 'prune', keep: 1, dryRun: false }, { action: 'destroy', dryRun: false }])('$action ends it', async (order) => {
  const { notes: found } = await task(order);
  expect(lives(orphan)).toBe(false);
  expect(found).toContainEqual(ENDED);
  expect(await temp.state.hook.read()).toBeUndefined();
});

test('what was ended while nobody watched is told by the next command', async () => {
  await endOrphanedHook({ state: temp.state, told: false, say: (text) => notes.push(text) });
  expect(lives(orphan)).toBe(false);
  expect(notes).toEqual([ENDED]);
  await endOrphanedHook({ state: temp.state, told: false, say: (text) => notes.push(text) });
  expect(notes).toHaveLength(1);
  await change();
  expect(notes[1]).toMatch(/^the hook preDeploy of run-killed outlived the process that ran it and was ended at \d{4}-/);
  expect(await temp.state.hook.read()).toBeUndefined();
});

test('a record that cannot be read stops every change but destroy, which removes it', async () => {
  await writeFile(join(temp.folder, 'hook.json'), '{"schema":1,"run":"x"}');
  expect(await change()).toMatchObject({ outcome: 'refused', error: { code: 'ND-STATE-DAMAGED' } });
  expect(await task({ action: 'prune', keep: 1, dryRun: false })).toMatchObject({ outcome: 'refused', error: { code: 'ND-STATE-DAMAGED' } });
  expect((await task({ action: 'destroy', dryRun: false })).notes).toContainEqual(expect.stringMatching(/^the record of a hook could not be read/));
  expect(await temp.state.hook.read()).toBeUndefined();
});

test('a run that lost its lock starts no hook and removes no record of another', async () => {
  const actor = { user: 'ann', host: 'here', pid: 1 };
  const lease = await temp.state.lock.acquire({ run: 'run-late', action: 'deploy', actor, since: 'now' });
  await temp.state.lock.revoke('run-late');
  const trace = hookTrace(temp.state, lease, { run: 'run-late', hook: 'preDeploy' });
  await expect(trace.announce()).rejects.toMatchObject({ code: 'ND-LEASE-LOST' });
  await expect(trace.started(process.pid)).rejects.toMatchObject({ code: 'ND-LEASE-LOST' });
  await trace.forget();
  expect(await temp.state.hook.read()).toMatchObject({ run: RUN });
});
