import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { BUNDLES, deployFile, eventually, get, Recorder, Workbench } from '../commands/workbench.spec-support.js';
import { agentCommand } from '../commands/agent.js';
import { identity } from '../shell/process-table.js';
import { startAgent, type Agent } from './agent.js';
import { findAgent } from './client.js';
import { ownCopy } from './code-copies.js';
import { connectAgent, takeOver } from './launch.js';

/** A successor that is ready and does nothing with what it gets. */
const IDLE = 'process.send("ready"); process.once("disconnect", () => process.exit(0)); process.on("message", () => process.exit(0));';
/** One that is taken for an agent that answers, and stays. */
const ANSWERS = 'process.send("ready"); process.once("disconnect", () => { require("node:fs").writeFileSync(process.env.NX_DEPLOY_HOME + "/agent.sock", ""); setTimeout(() => process.exit(0), 20000); }); process.on("message", () => process.exit(0));';
/** As the agent's program does, this one writes what it is asked to be. */
const NOTES = `require('node:fs').appendFileSync(__filename + '.roles', process.argv[2] + '\\n'); if (process.argv[2] === 'standby') { ${IDLE} }`;

let bench: Workbench;
let agent: Agent | undefined;
beforeEach(async () => { bench = await Workbench.open(); });
afterEach(async () => {
  await agent?.stop(true);
  agent = undefined;
  await bench.close();
});

async function code(name: string, text: string): Promise<string> {
  const folder = join(bench.home.code, name);
  await mkdir(folder, { recursive: true });
  const file = join(folder, 'agent.js');
  await writeFile(file, text);
  return file;
}

/** An agent in this process that can be taken over from. */
async function start(own = IDLE): Promise<string> {
  const program = await code('aaaaaaaa', own);
  agent = await startAgent({ home: bench.home, shim: join(BUNDLES, 'shim.js'), version: 'test', code: 'aaaaaaaa', standby: { node: process.execPath, program } });
  return program;
}

async function takeover(name: string, node = process.execPath): Promise<unknown> {
  return (await bench.client()).call('takeover', { from: process.pid, code: name, node });
}

const held = async (): Promise<unknown> => JSON.parse(await readFile(bench.home.lockFile, 'utf8'));

test('an agent without a standby of its own, and a name that is no copy of the code, are refused', async () => {
  await bench.start();
  expect(await takeover('bbbbbbbb')).toMatchObject({ outcome: 'failed' });
  await bench.agent?.stop(false);
  bench.agent = undefined;
  await start();
  for (const name of ['../aaaaaaaa', '', 'aaaaaaaa/..', 'AAAAAAAA']) expect(await takeover(name)).toMatchObject({ outcome: 'failed' });
  expect((await bench.client()).hello.code).toBe('aaaaaaaa');
});

test('a successor that does not start changes nothing', async () => {
  await start();
  await bench.project();
  const { document } = await bench.deploy();
  await code('bbbbbbbb', 'process.exit(7)');
  expect(await takeover('bbbbbbbb')).toEqual({ outcome: 'failed', why: 'it exited with code 7' });
  expect(await takeover('cccccccc')).toEqual({ outcome: 'failed', why: 'it exited with code 1' });
  expect(await takeover('bbbbbbbb', join(bench.folder, 'no-node'))).toMatchObject({ outcome: 'failed', why: expect.stringContaining('ENOENT') });
  expect(await get(document.url)).toMatchObject({ status: 200 });
  await bench.build('2');
  expect((await bench.deploy()).document.outcome).toBe('done');
});

test('asked for another agent than itself, it tells that it is the one', async () => {
  await start();
  expect(await (await bench.client()).call('takeover', { from: 1, code: 'bbbbbbbb', node: process.execPath })).toEqual({ outcome: 'taken', pid: process.pid });
});

test('while a change is under way the agent stays, and afterwards it can be taken over from', async () => {
  await start();
  await code('bbbbbbbb', IDLE);
  await bench.project(deployFile({ hooks: { preDeploy: [['node', '-e', 'console.log("waiting"); setTimeout(() => {}, 1500)']] } }));
  const output = new Recorder();
  const deploying = bench.deploy({}, {}, output);
  await eventually(() => output.events.some(({ type }) => type === 'output'), 'the hook');
  expect(await takeover('bbbbbbbb')).toEqual({ outcome: 'busy', why: 'api (staging, acme)' });
  expect((await deploying).document.outcome).toBe('done');
  expect(await takeover('bbbbbbbb')).toMatchObject({ outcome: 'taken' });
});

test('after a takeover the earlier agent touches neither instances nor lock nor socket, and leaves when its requests are answered', async () => {
  await start();
  await code('bbbbbbbb', ANSWERS);
  await bench.project();
  const { document } = await bench.deploy();
  const [instance] = (await bench.status()).instances;
  const slow = fetch(`${document.url ?? ''}/slow?ms=1500`).then((response) => response.status);
  await new Promise((resolve) => { setTimeout(resolve, 200); });
  const answer = await takeover('bbbbbbbb');
  expect(answer).toMatchObject({ outcome: 'taken', pid: expect.any(Number) });
  await eventually(() => existsSync(bench.home.socket), 'the successor');
  const lock = await held();
  expect(lock).toMatchObject({ pid: process.pid, standby: { pid: (answer as { pid: number }).pid } });
  let over = false;
  void agent?.left.then(() => { over = true; });
  expect(over).toBe(false);
  expect(await slow).toBe(200);
  await agent?.left;
  expect(await held()).toEqual(lock);
  expect(await identity(instance?.pid ?? 0)).toBeDefined();
  // Nobody has taken charge here, and the test's own process may.
  process.kill((answer as { pid: number }).pid, 'SIGKILL');
  await bench.start();
  expect((await bench.status()).instances).toMatchObject([{ pid: instance?.pid }]);
}, 60_000);

test('a successor that falls at once leaves the address to the version before, which starts again', async () => {
  const program = await start(NOTES);
  await code('bbbbbbbb', IDLE);
  await bench.project();
  await bench.deploy();
  expect(await takeover('bbbbbbbb')).toMatchObject({ outcome: 'taken' });
  await eventually(async () => (await readFile(`${program}.roles`, 'utf8').catch(() => '')).includes('run'), 'the version before to be started');
  await agent?.left;
  expect(existsSync(bench.home.lockFile)).toBe(false);
  await bench.start();
});

test('an agent that has handed over ends when it is told to, whatever it still has', async () => {
  await start();
  await code('bbbbbbbb', IDLE);
  await bench.project();
  const { document } = await bench.deploy();
  const slow = fetch(`${document.url ?? ''}/slow?ms=20000`).catch(() => 'cut');
  await new Promise((resolve) => { setTimeout(resolve, 200); });
  await takeover('bbbbbbbb');
  const began = performance.now();
  await agent?.stop(false);
  // Not when the request is answered.
  expect(performance.now() - began).toBeLessThan(5_000);
  await bench.start();
  await bench.agent?.stop(true);
  bench.agent = undefined;
  await slow;
});

describe('a command with another version', () => {
  afterEach(() => agentCommand('stop', {}, new Recorder(), bench.variables));

  async function bundles(name: string, text: (program: string) => string, version?: string): Promise<string> {
    const folder = join(bench.folder, name, 'dist/bundles');
    await mkdir(folder, { recursive: true });
    if (version !== undefined) await writeFile(join(bench.folder, name, 'package.json'), JSON.stringify({ name: 'nx-deploy', version }));
    for (const file of ['agent.js', 'shim.js', 'walker.js']) {
      const whole = await readFile(join(BUNDLES, file), 'utf8');
      await writeFile(join(folder, file), file === 'agent.js' ? text(whole) : whole);
    }
    return folder;
  }

  test('is served by its own agent, which finds what runs; the same version changes nothing', async () => {
    const first = await connectAgent(bench.home, BUNDLES);
    await bench.project();
    await bench.deploy();
    const { instances } = await bench.status();
    expect((await connectAgent(bench.home, BUNDLES)).hello).toEqual(first.hello);
    const other = await bundles('other', (program) => `${program}\n// other\n`);
    const [one, two] = await Promise.all([connectAgent(bench.home, other), connectAgent(bench.home, other)]);
    expect(one.hello.pid).not.toBe(first.hello.pid);
    expect(two.hello.pid).toBe(one.hello.pid);
    expect(ownCopy(bench.home, other)).toContain(one.hello.code);
    expect((await bench.status()).instances).toMatchObject(instances.map(({ id, pid }) => ({ id, pid })));
    await eventually(async () => await identity(first.hello.pid) === undefined, 'the first agent to leave');
    expect((await findAgent(bench.home))?.hello.pid).toBe(one.hello.pid);
  });

  test('that is older is served by the newer agent and does not replace it; a newer one does', async () => {
    const same = (program: string): string => program;
    const [newer, newest] = await Promise.all([bundles('newer', (program) => `${program}\n// 9\n`, '9.0.0'), bundles('newest', (program) => `${program}\n// 10\n`, '10.0.0-rc.1')]);
    const older = await bundles('older', same, '8.9.9');
    const first = await connectAgent(bench.home, newer);
    expect(first.hello.version).toBe('9.0.0');
    for (const folder of [older, BUNDLES, older]) expect((await connectAgent(bench.home, folder)).hello).toEqual(first.hello);
    await bench.project();
    expect((await bench.deploy()).document.outcome).toBe('done');
    await expect(takeOver(bench.home, first, older)).rejects.toMatchObject({
      code: 'ND-AGENT-VERSION', parts: { what: expect.stringMatching(/is of nx-deploy 9\.0\.0, this command of 8\.9\.9: an older version does not replace a newer one$/) },
    });
    const last = await connectAgent(bench.home, newest);
    expect(last.hello).toMatchObject({ version: '10.0.0-rc.1' });
    expect(last.hello.pid).not.toBe(first.hello.pid);
    expect((await connectAgent(bench.home, newer)).hello).toEqual(last.hello);
  });

  test('that does not start is served by the agent that runs', async () => {
    const first = await connectAgent(bench.home, BUNDLES);
    const broken = await bundles('broken', () => 'throw new Error("broken")');
    expect((await connectAgent(bench.home, broken)).hello.pid).toBe(first.hello.pid);
  });
});
