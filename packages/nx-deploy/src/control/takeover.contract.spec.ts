/** Real processes under load: who answers when an agent is killed, replaced or told to go. */
import { appendFile, cp, readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { startLoad, type LoadReport } from '../../../../tools/load/launch.js';
import { agentCommand } from '../commands/agent.js';
import { BUNDLES, deployFile, eventually, get, Recorder, unusedPort, Workbench } from '../commands/workbench.spec-support.js';
import { identity } from '../shell/process-table.js';
import { findAgent } from './client.js';
import { connectAgent } from './launch.js';
import type { Hello } from './protocol.js';

const TIMEOUT = 120_000;
/** Requests in flight when an agent is killed, at 300 a second over connections that are kept open. */
const LOST_PER_KILL = 12;

/** A machine that answers slowly has more of them. */
function inFlight({ sent, durationMs, latency }: LoadReport): number {
  return LOST_PER_KILL + (sent / durationMs) * latency.p95;
}

let bench: Workbench;
let url: string;
beforeEach(async () => {
  bench = await Workbench.open();
  await connectAgent(bench.home, BUNDLES);
  await bench.project(deployFile({ drain: '15s', environments: { staging: { instances: 2 } } }));
  url = String((await bench.deploy()).document.url);
  await standby();
});
afterEach(async () => {
  await agentCommand('stop', {}, new Recorder(), bench.variables);
  const left = await eventually(async () => (await processes()).length === 0, 'no process to be left', 5_000).then(() => [], () => processes());
  await bench.close();
  expect(left).toEqual([]);
});

/** Every process that has this home in its environment or an open file below it. */
async function processes(): Promise<readonly string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  const found = await Promise.all(pids.map(async (pid) => {
    const [command, environment, files] = await Promise.all([
      readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => ''),
      readFile(`/proc/${pid}/environ`, 'utf8').catch(() => ''),
      readdir(`/proc/${pid}/fd`).then((names) => Promise.all(names.map((name) => readlink(`/proc/${pid}/fd/${name}`).catch(() => '')))).catch(() => []),
    ]);
    const ours = environment.includes(bench.home.folder) || files.some((file) => file.startsWith(bench.home.folder));
    return ours && await identity(Number(pid)) !== undefined ? [`${pid} ${command.replaceAll('\0', ' ').trim()}`] : [];
  }));
  return found.flat();
}

interface Lock { readonly pid: number; readonly standby?: { readonly pid: number } }

async function lock(): Promise<Lock> {
  return JSON.parse(await readFile(bench.home.lockFile, 'utf8')) as Lock;
}

async function hello(): Promise<Hello> {
  return (await bench.client()).hello;
}

/** The pid of the standby, once it is ready. */
async function standby(): Promise<number> {
  let pid = 0;
  await eventually(async () => {
    const { pid: active, standby: next } = await lock();
    pid = next?.pid ?? 0;
    return pid !== 0 && (await agentLog()).includes(`"standby":${pid}`) && active === (await hello()).pid;
  }, 'a standby');
  return pid;
}

/** The same once it has the listener that just opened: a change of listeners makes for another standby. */
async function settledStandby(): Promise<number> {
  let before = 0;
  let now = await standby();
  while (before !== now) {
    await new Promise((resolve) => { setTimeout(resolve, 1_500); });
    [before, now] = [now, await standby()];
  }
  return now;
}

async function agentLog(): Promise<string> {
  return readFile((await hello()).log, 'utf8');
}

async function instances(): Promise<readonly (number | undefined)[]> {
  return (await bench.status()).instances.map(({ pid }) => pid).sort();
}

async function kill(pid: number): Promise<void> {
  process.kill(pid, 'SIGKILL');
  await eventually(async () => await identity(pid) === undefined, 'the process to end');
}

/** The same code under another name. */
async function newerBundles(name: string): Promise<string> {
  const folder = join(bench.folder, name);
  await cp(BUNDLES, folder, { recursive: true });
  await appendFile(join(folder, 'agent.js'), `\n// ${name}\n`);
  return folder;
}

function figures(what: string, { sent, failures, retried, longestGapMs, lagMs, latency }: LoadReport): void {
  process.stdout.write(`${what}: ${failures} failed of ${sent}, ${retried} sent again on a closed connection, longest gap ${Math.round(longestGapMs)} ms, p99 ${Math.round(latency.p99)} ms, own lag ${Math.round(lagMs)} ms\n`);
}

test('the active agent is killed three times under load: none refused, only requests in flight lost, no gap of a second', async () => {
  const running = await instances();
  const load = await startLoad({ url, rate: 300, mix: { get: 60, fresh: 30, post: 10 } });
  for (let kills = 0; kills < 3; kills += 1) {
    await new Promise((resolve) => { setTimeout(resolve, 1_500); });
    const next = await standby();
    await kill((await hello()).pid);
    expect((await hello()).pid).toBe(next);
  }
  await new Promise((resolve) => { setTimeout(resolve, 1_500); });
  const report = await load.stop();
  figures('3 kills of the active agent', report);
  expect(report.firstFailures.filter(({ fault, message }) => (fault !== 'failed' && fault !== 'cut') || message.includes('ECONNREFUSED'))).toEqual([]);
  expect(report.failures).toBeLessThanOrEqual(3 * inFlight(report));
  expect(report.longestGapMs).toBeLessThan(1_000);
  expect(report.sent).toBeGreaterThan(1_500);
  expect(await instances()).toEqual(running);
}, TIMEOUT);

test('a newer version takes over, and another after it, under load: nothing is lost', async () => {
  const running = await instances();
  const first = await hello();
  const load = await startLoad({ url, rate: 400 });
  await new Promise((resolve) => { setTimeout(resolve, 2_000); });
  const second = (await connectAgent(bench.home, await newerBundles('second'))).hello;
  await new Promise((resolve) => { setTimeout(resolve, 1_000); });
  const third = (await connectAgent(bench.home, await newerBundles('third'))).hello;
  expect(new Set([first.pid, second.pid, third.pid]).size).toBe(3);
  expect(new Set([first.code, second.code, third.code]).size).toBe(3);
  await new Promise((resolve) => { setTimeout(resolve, 10_000); });
  const report = await load.stop();
  figures('2 takeovers by a newer version', report);
  expect(report.firstFailures).toEqual([]);
  expect(report.failures).toBe(0);
  expect(report.sent).toBeGreaterThanOrEqual(5_000);
  await eventually(async () => await identity(first.pid) === undefined && await identity(second.pid) === undefined, 'the earlier agents to leave', 20_000);
  expect(await instances()).toEqual(running);
  expect((await bench.deploy()).document.outcome).toBe('unchanged');
}, TIMEOUT);

test('a deploy right behind a takeover loses nothing that the earlier agent has in flight', async () => {
  const load = await startLoad({ url, rate: 150, slowMs: 3_000 });
  await new Promise((resolve) => { setTimeout(resolve, 3_000); });
  await connectAgent(bench.home, await newerBundles('second'));
  await bench.build('2');
  expect((await bench.deploy()).document.outcome).toBe('done');
  await new Promise((resolve) => { setTimeout(resolve, 1_000); });
  const report = await load.stop();
  figures('a takeover and a deploy', report);
  expect(report.firstFailures).toEqual([]);
}, TIMEOUT);

test('active and standby killed at once: the instances live on, and the next command adopts them', async () => {
  const running = await instances();
  const [active, next] = [(await hello()).pid, await standby()];
  process.kill(next, 'SIGKILL');
  process.kill(active, 'SIGKILL');
  await eventually(async () => await identity(active) === undefined && await identity(next) === undefined, 'both to end');
  await eventually(() => get(url).then(() => false, () => true), 'the address to be closed');
  expect(await findAgent(bench.home)).toBeUndefined();
  await connectAgent(bench.home, BUNDLES);
  expect(await instances()).toEqual(running);
  expect(await get(url)).toMatchObject({ status: 200 });
}, TIMEOUT);

test('a standby that is killed is replaced, and nobody notices', async () => {
  const load = await startLoad({ url, rate: 200 });
  const [active, first] = [(await hello()).pid, await standby()];
  await kill(first);
  await eventually(async () => (await lock()).standby?.pid !== first, 'another standby');
  const second = await standby();
  expect([second === first, (await hello()).pid]).toEqual([false, active]);
  await kill(active);
  expect((await hello()).pid).toBe(second);
  const report = await load.stop();
  figures('a kill of the standby, then of the active', report);
  expect(report.failures).toBeLessThanOrEqual(3 * inFlight(report));
}, TIMEOUT);

test('an address that is given up is closed at once and can be had again; instances hold no listener', async () => {
  const [one, other] = [await unusedPort(), await unusedPort()];
  for (const listen of [one, other, one]) {
    await bench.write('apps/api/deploy.json', deployFile({ environments: { staging: { instances: 1, listen } } }));
    const { document } = await bench.deploy();
    expect(document).toMatchObject({ outcome: 'done', url: `http://127.0.0.1:${listen}` });
    expect(await get(document.url)).toMatchObject({ status: 200 });
    await expect(get(`http://127.0.0.1:${listen === one ? other : one}`)).rejects.toThrow();
  }
  const next = await settledStandby();
  await kill((await hello()).pid);
  expect(await get(`http://127.0.0.1:${one}`)).toMatchObject({ status: 200 });
  // Started by the former standby, which had the listener by inheritance.
  await bench.build('2');
  await bench.deploy();
  const last = await settledStandby();
  process.kill(last, 'SIGKILL');
  await kill(next);
  await eventually(() => get(`http://127.0.0.1:${one}`).then(() => false, () => true), 'the address to be closed');
  await connectAgent(bench.home, BUNDLES);
}, TIMEOUT);
