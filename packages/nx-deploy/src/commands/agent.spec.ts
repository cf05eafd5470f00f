import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Home } from '../agent/home.js';
import * as launch from '../control/launch.js';
import { findAgent, type AgentClient } from '../control/client.js';
import { identity } from '../shell/process-table.js';
import { agentCommand } from './agent.js';
import { BUNDLES, eventually, get, Recorder, Workbench } from './workbench.spec-support.js';

type Launch = typeof launch;

/** The sources have no bundles beside them: the built ones serve, and what they start are real processes. */
jest.mock('../control/launch.js', () => {
  const actual = jest.requireActual<Launch>('../control/launch.js');
  const built = join(__dirname, '../../dist/bundles');
  return {
    ...actual,
    connectAgent: (home: Home, bundles = built) => actual.connectAgent(home, bundles),
    takeOver: (home: Home, running: AgentClient, bundles = built) => actual.takeOver(home, running, bundles),
  };
});

let bench: Workbench;
beforeEach(async () => { bench = await Workbench.open(); });
afterEach(async () => {
  await agentCommand('stop', {}, new Recorder(), bench.variables);
  await bench.close();
});

async function agent(action: Parameters<typeof agentCommand>[0], options = {}): Promise<{ readonly document: Record<string, unknown>; readonly output: Recorder }> {
  const output = new Recorder();
  const { document } = await agentCommand(action, options, output, bench.variables);
  return { document: document as Record<string, unknown>, output };
}

/** A zombie that nobody reaped yet is gone too. */
async function isGone(pid: unknown): Promise<boolean> {
  return await identity(Number(pid)) === undefined;
}

/** Resolves with the pid of a standby that would take over now. */
async function standby(): Promise<number> {
  let pid = 0;
  await eventually(async () => {
    pid = Number(/"standby":\{"pid":(\d+)/.exec(await readFile(bench.home.lockFile, 'utf8'))?.[1]);
    return (await readFile(join(bench.home.logs, 'agent.log'), 'utf8')).includes(`"standby":${pid},"msg":"standby"`);
  }, 'a standby');
  return pid;
}

/** An agent that has deployed, and its standby, are killed; pids of the agent and of the instance that is left. */
async function bothKilled(): Promise<{ readonly agent: unknown; readonly instance: number | undefined }> {
  const { document: { pid } } = await agent('start');
  await bench.project();
  await bench.deploy();
  const [instance] = (await bench.status()).instances;
  for (const victim of [await standby(), Number(pid)]) process.kill(victim, 'SIGKILL');
  await eventually(() => isGone(pid), 'the agent to end');
  return { agent: pid, instance: instance?.pid };
}

test('without an agent status and stop say so and start none', async () => {
  expect(await agent('status')).toMatchObject({ document: { outcome: 'done', running: false, services: [] }, output: { lines: [`no agent runs (home ${bench.home.folder})`] } });
  expect(await agent('stop')).toMatchObject({ document: { stopped: 0 }, output: { lines: ['no agent runs'] } });
  expect(await findAgent(bench.home)).toBeUndefined();
});

test('start, deploy, restart with the instances going on, stop', async () => {
  const started = await agent('start');
  expect(started.document).toMatchObject({ running: true, home: bench.home.folder, services: [] });
  expect(started.output.lines[0]).toMatch(/^agent process \d+ since \d{4}-/);
  const { pid } = started.document;
  expect(pid).not.toBe(process.pid);
  expect((await agent('start')).document['pid']).toBe(pid);

  await bench.project();
  const deployed = await bench.deploy();
  expect(deployed.document.outcome).toBe('done');
  const running = (await bench.status()).instances.map((instance) => instance.pid);

  const restarted = await agent('restart');
  expect(restarted.document['pid']).not.toBe(pid);
  expect(await isGone(pid)).toBe(true);
  expect(restarted.output.text).toContain('0 instances ended');
  expect(restarted.output.lines.find((line) => line.startsWith('api '))).toMatch(/^api +staging +acme +1 +http:\/\/127\.0\.0\.1:\d+$/);
  expect((await bench.status()).instances.map((instance) => instance.pid)).toEqual(running);
  expect(await get(deployed.document.url)).toMatchObject({ status: 200 });

  expect((await agent('stop', { keepInstances: true })).output.text).toMatch(/agent stopped .* 0 instances ended/);
  expect(await isGone(running[0])).toBe(false);
  await agent('start');
  expect((await agent('stop')).output.text).toMatch(/agent stopped .* 1 instances ended/);
  expect(await isGone(running[0])).toBe(true);
});

test('two commands at once get the same agent', async () => {
  const [one, other] = await Promise.all([agent('start'), agent('start')]);
  expect(one.document['pid']).toBe(other.document['pid']);
});

test('the agent runs from a copy of its code, survives SIGHUP and leaves on SIGTERM with its instances running on', async () => {
  const { document } = await agent('start');
  const [folder = ''] = await readdir(bench.home.code);
  expect(await readFile(join(bench.home.code, folder, 'shim.js'), 'utf8')).toBe(await readFile(join(BUNDLES, 'shim.js'), 'utf8'));
  await bench.project();
  const deployed = await bench.deploy();
  const [instance] = (await bench.status()).instances;
  process.kill(Number(document['pid']), 'SIGHUP');
  expect(await get(deployed.document.url)).toMatchObject({ status: 200 });
  process.kill(Number(document['pid']), 'SIGTERM');
  await eventually(() => isGone(document['pid']), 'the agent to leave');
  expect(await isGone(instance?.pid)).toBe(false);
  await agent('start');
  expect((await bench.status()).instances).toMatchObject([{ pid: instance?.pid }]);
});

test('an agent that was killed is replaced, and what it ran is found again', async () => {
  const { document } = await agent('start');
  await bench.project();
  const deployed = await bench.deploy();
  const [instance] = (await bench.status()).instances;
  await standby();
  process.kill(Number(document['pid']), 'SIGKILL');
  await eventually(() => isGone(document['pid']), 'the agent to end');
  const { running, pid } = (await agent('status')).document;
  expect([running, pid === document['pid']]).toEqual([true, false]);
  expect((await agent('start')).document['pid']).toBe(pid);
  expect((await bench.status()).instances).toMatchObject([{ pid: instance?.pid }]);
  expect(await get(deployed.document.url)).toMatchObject({ status: 200 });
});

test('with its standby killed too, the next command starts an agent that finds what ran', async () => {
  const { agent: killed, instance } = await bothKilled();
  expect((await agent('status')).document).toMatchObject({ running: false });
  expect((await agent('start')).document['pid']).not.toBe(killed);
  expect((await bench.status()).instances).toMatchObject([{ pid: instance }]);
});

test('stop ends what a killed agent has left, for which it starts another; --keep-instances leaves it', async () => {
  const { instance } = await bothKilled();
  expect(await agent('stop', { keepInstances: true })).toMatchObject({ document: { stopped: 0 }, output: { lines: ['no agent runs'] } });
  expect(await isGone(instance)).toBe(false);
  const { document: { stopped }, output } = await agent('stop');
  expect(output.lines[0]).toBe('no agent runs, but instances that one has left; an agent is started to end them');
  expect(stopped).toBe(1);
  expect(await isGone(instance)).toBe(true);
  expect(await agent('stop')).toMatchObject({ output: { lines: ['no agent runs'] } });
});

test('an agent that does not start is ND-AGENT-FAILED with the end of its log', async () => {
  const bundles = join(bench.folder, 'bundles');
  await mkdir(bundles);
  for (const name of ['shim.js', 'walker.js']) await writeFile(join(bundles, name), '');
  await writeFile(join(bundles, 'agent.js'), 'throw new Error("the bundle is broken")');
  const began = performance.now();
  await expect(launch.connectAgent(bench.home, bundles)).rejects.toMatchObject({
    code: 'ND-AGENT-FAILED', parts: { where: join(bench.home.logs, 'agent-start.log'), problems: expect.arrayContaining([expect.stringContaining('the bundle is broken')]) },
  });
  expect(performance.now() - began).toBeLessThan(10_000);
});

test('without the built bundles the reason is named', async () => {
  await expect(launch.connectAgent(bench.home, join(bench.folder, 'nowhere'))).rejects.toMatchObject({ code: 'ENOENT' });
});

test('the shim lies beside the agent', () => {
  expect(launch.shimBeside('/home/code/agent.js')).toBe('/home/code/shim.js');
  expect(launch.BUNDLE_FOLDER.endsWith('bundles')).toBe(true);
});
