/** SIGKILL of the agent and its standby, and of a walker, while a hook runs: none is left, and never are there two. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isRunning } from '../../../../e2e/support/processes.js';
import { eventually } from '../commands/workbench.spec-support.js';
import { asDeployError } from '../errors.js';
import type { PreparedHook } from '../hooks/run-hooks.js';
import { temporaryFolder } from '../shell/programs.spec-support.js';
import { Tally } from '../walker/aftermath.spec-support.js';
import { readWalker } from '../walker/run-folder.js';
import type { WalkedService } from '../walker/world.spec-support.js';
import { bundlesWith, KillWorld, pair } from './kills-world.spec-support.js';

const bundles = bundlesWith(temporaryFolder('hook-kills'), 'control/kills-agent.spec-support.ts');
const tally = new Tally();
let kills: KillWorld;
let service: WalkedService;
let folder: string;
beforeAll(async () => {
  kills = await KillWorld.open(bundles, tally);
  service = kills.service('hooked');
  await service.inAgent(await service.order({ version: '1' }));
});
beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'nx-deploy-hooks-')); });
afterEach(() => rmSync(folder, { recursive: true, force: true }));
afterAll(async () => {
  await kills.close();
  process.stdout.write(`${String(tally)}, while a hook ran\n`);
});

/** Notes its number, and those before it that still run. */
function hook(ms: number): PreparedHook {
  const file = JSON.stringify(join(folder, 'hooks'));
  const text = `
    const fs = require("fs");
    const before = fs.existsSync(${file}) ? fs.readFileSync(${file}, "utf8").trim().split("\\n").map((line) => parseInt(line)) : [];
    const beside = before.filter((pid) => { try { return !/\\) [ZX] /.test(fs.readFileSync("/proc/" + pid + "/stat", "latin1")); } catch { return false; } });
    fs.appendFileSync(${file}, process.pid + " " + beside.length + "\\n");
    setTimeout(() => {}, ${ms});
  `;
  return { run: [process.execPath, '-e', text], env: {}, timeout: 120_000, cwd: '/' };
}

function hooks(): readonly { readonly pid: number; readonly beside: number }[] {
  const file = join(folder, 'hooks');
  const lines = existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
  return lines.map((line) => line.split(' ').map(Number)).map(([pid = 0, beside = 0]) => ({ pid, beside }));
}

const alone = (): void => {
  expect(hooks().filter(({ beside }) => beside > 0)).toEqual([]);
  expect(hooks().filter(({ pid }) => isRunning(pid))).toEqual([]);
};

/** The ledger's entry and the journal come before it. */
const ANNOUNCED = 3;

test.each([['after', ANNOUNCED], [20, ANNOUNCED], ['before', ANNOUNCED + 1], ['after', ANNOUNCED + 1], [400, ANNOUNCED + 1]] as const)('agent and standby killed %s write %s: the next deploy ends the hook before it runs its own', async (when, at) => {
  const order = await service.order({ version: '2', before: [hook(60_000)] });
  const ending = await kills.killed(service, order, { at, when, both: true });
  if (typeof ending === 'number') throw new Error('it was not killed');
  expect(ending.steps[at - 1]).toMatch(at === ANNOUNCED ? /hook preDeploy announced$/ : /hook preDeploy started$/);
  const { result } = await service.inAgent(await service.order({ version: '2', before: [hook(50)] }));
  expect(result).toMatchObject({ outcome: 'done' });
  expect(hooks().length).toBeGreaterThanOrEqual(1);
  if (when === 400) expect(hooks()).toHaveLength(2);
  alone();
  await service.inAgent(await service.order({ version: '1' }));
  tally.kills += 1;
}, 120_000);

test('a resume finds no hook beside its own, and tells what was ended', async () => {
  const order = await service.order({ version: '3', after: [hook(60_000)] });
  const killed = service.inAgent(order).catch((error: unknown) => asDeployError(error).code);
  await eventually(() => hooks().length === 1, 'the hook');
  await new Promise((wake) => { setTimeout(wake, 200); });
  const { active, standby } = await pair(kills.world);
  for (const pid of [standby, active]) process.kill(pid, 'SIGKILL');
  expect(await killed).toBe('ND-INTERRUPTED');
  expect(hooks().every(({ pid }) => isRunning(pid))).toBe(true);
  await kills.world.connect();
  const { result, messages } = await service.inAgent(service.run({ action: 'resume', rollbackHooks: { before: [], after: [] } }, { after: [hook(50)] }));
  expect(result).toMatchObject({ outcome: 'done' });
  expect(messages).toContainEqual(expect.objectContaining({ event: { type: 'note', text: expect.stringContaining(`the hook postDeploy of ${order.request.run} outlived the process that ran it and was ended`) } }));
  alone();
  tally.kills += 1;
}, 120_000);

test('a walker killed: its hook is ended at once, by the agent', async () => {
  const run = await service.start(await service.order({ version: '2', before: [hook(60_000)] }));
  await eventually(() => hooks().length === 1, 'the hook');
  await new Promise((wake) => { setTimeout(wake, 200); });
  process.kill((await readWalker(run))?.pid ?? 0, 'SIGKILL');
  await eventually(() => hooks().every(({ pid }) => !isRunning(pid)), 'the hook to end');
  const { result } = await service.inAgent(await service.order({ version: '2', before: [hook(50)] }));
  expect(result).toMatchObject({ outcome: 'done' });
  alone();
  tally.kills += 1;
}, 60_000);

test('a walker frozen: unlock takes its lock away and ends its hook', async () => {
  const run = await service.start(await service.order({ version: '1', before: [hook(60_000)] }));
  await eventually(() => hooks().length === 1, 'the hook');
  await new Promise((wake) => { setTimeout(wake, 200); });
  const walker = (await readWalker(run))?.pid ?? 0;
  process.kill(walker, 'SIGSTOP');
  try {
    const notes: string[] = [];
    for await (const message of (await kills.world.bench.client()).stream('unlock', { ...service.target, run: 'run-unlock', wait: 300 })) {
      if (message.type === 'event' && message.event.type === 'note') notes.push(message.event.text);
    }
    expect(notes).toContainEqual(expect.stringContaining('outlived the process that ran it and was ended'));
    alone();
  } finally {
    process.kill(walker, 'SIGCONT');
  }
  await eventually(() => !isRunning(walker), 'the walker to end');
}, 60_000);
