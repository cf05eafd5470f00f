import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { detach } from '../shell/detach.js';
import { lives, temporaryFolder, until } from '../shell/programs.spec-support.js';
import { endOrphan, startedHook, type StartedHook } from './orphan.js';

const root = temporaryFolder('orphan');
const begun: number[] = [];
afterEach(() => {
  for (const pid of begun.splice(0)) {
    if (lives(pid)) process.kill(pid, 'SIGKILL');
  }
});

const STAY = 'setInterval(() => {}, 1000);';
let count = 0;

/** A leader that runs the text and has a child that does not end by itself. */
async function hook({ leader = STAY, child = STAY, env = {} }: { readonly leader?: string; readonly child?: string; readonly env?: Record<string, string> } = {}): Promise<{ readonly started: StartedHook; readonly child: number }> {
  const file = join(root, `child-${count += 1}`);
  const text = `
    const child = require("child_process").spawn(process.execPath, ["-e", ${JSON.stringify(`${child} require("fs").writeFileSync(${JSON.stringify(file)}, String(process.pid));`)}], { stdio: "ignore" });
    child.unref();
    ${leader}
  `;
  const { pid } = await detach(process.execPath, ['-e', text], { env });
  const started = await startedHook(pid);
  const number = Number(await until('the child', async () => existsSync(file) && (await readFile(file, 'utf8')) !== '' ? readFile(file, 'utf8') : undefined));
  begun.push(pid, number);
  return { started: started ?? { pid, identity: 'gone' }, child: number };
}

const named = { run: 'run-1', hook: 'preDeploy' };

test('ends the process and its children, and leaves others alone', async () => {
  const [one, other] = [await hook(), await hook()];
  expect([...await endOrphan({ ...named, process: one.started })].sort()).toEqual([one.started.pid, one.child].sort());
  expect([lives(one.started.pid), lives(one.child), lives(other.started.pid), lives(other.child)]).toEqual([false, false, true, true]);
  expect(await endOrphan({ ...named, process: one.started })).toEqual([]);
});

test('gives it time to end in order', async () => {
  const file = join(root, 'in-order');
  const { started, child } = await hook({ leader: `process.on("SIGTERM", () => setTimeout(() => { require("fs").writeFileSync(${JSON.stringify(file)}, "rolled back"); process.exit(); }, 300)); ${STAY}` });
  await endOrphan({ ...named, process: started });
  expect(await readFile(file, 'utf8')).toBe('rolled back');
  expect(lives(child)).toBe(false);
});

test('ends what ignores that', async () => {
  const ignoring = `process.on("SIGTERM", () => {}); ${STAY}`;
  const { started, child } = await hook({ leader: ignoring, child: ignoring });
  const began = performance.now();
  await endOrphan({ ...named, process: started }, { term: 300, kill: 5_000 });
  expect(performance.now() - began).toBeGreaterThanOrEqual(300);
  expect([lives(started.pid), lives(child)]).toEqual([false, false]);
});

test('ends the children of one that is gone', async () => {
  const { started, child } = await hook();
  process.kill(started.pid, 'SIGKILL');
  await until('the leader to end', () => !lives(started.pid));
  expect(lives(child)).toBe(true);
  expect(await endOrphan({ ...named, process: started })).toEqual([child]);
  expect(lives(child)).toBe(false);
});

test('leaves a later process with the same number alone', async () => {
  const { started, child } = await hook();
  expect(await endOrphan({ ...named, process: { ...started, identity: `${started.identity}0` } })).toEqual([]);
  expect([lives(started.pid), lives(child)]).toEqual([true, true]);
});

test('finds one whose number is not known by its run and its name', async () => {
  const run = `run-${process.pid}-${Date.now()}`;
  const [one, other] = [await hook({ env: { NX_DEPLOY_RUN: run, NX_DEPLOY_HOOK: 'preDeploy' } }), await hook({ env: { NX_DEPLOY_RUN: run, NX_DEPLOY_HOOK: 'postDeploy' } })];
  expect([...await endOrphan({ run, hook: 'preDeploy' })].sort()).toEqual([one.started.pid, one.child].sort());
  expect([lives(one.started.pid), lives(one.child), lives(other.started.pid)]).toEqual([false, false, true]);
  expect(await endOrphan({ run: `${run}-other`, hook: 'postDeploy' })).toEqual([]);
});
