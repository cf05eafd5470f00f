/**
 * The router's container is replaced by another one. On the host's network both run for a moment: the new HAProxy takes the open sockets of the old one
 * over the volume that they share, and the old one finishes what it has. Whatever kills the command in between, {@link finishUpgrade} ends it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { DeployError } from '../../errors.js';
import type { Ms } from '../../model/index.js';
import { HaproxyRouter, startFailure, type Ran } from '../../routers/haproxy/index.js';
import type { EngineClient } from '../../shell/engine/index.js';
import { besideArguments, CHECK_PROGRAM, execArguments, leavingName, NEXT_ROUTER, ROUTER, routerArguments, ROUTER_FOLDER, TOKEN, type RouterStart } from './router-arguments.js';
import { leavingRouters, lookAtRouters, type RouterFacts } from './router-look.js';
import { RouterSession } from './router-session.js';

const START: Ms = 60_000;
const ANSWER: Ms = 30_000;
const PAUSE: Ms = 200;

export interface Upgrade {
  readonly client: EngineClient;
  readonly start: RouterStart;
}

/**
 * Under the lock of the router. Rejects, with the old router as it was, with ND-ROUTER-FAILED when the new image does not take its configuration, with
 * ND-PORT-TAKEN when a port cannot be published, and with ND-ENGINE-UNSUPPORTED when the engine could not let the old one go.
 */
export async function replaceRouter(upgrade: Upgrade, run: Beside): Promise<void> {
  const { client, start } = upgrade;
  await checkEngine(client);
  await checkFile(client, start.image, run);
  const { old } = await lookAtRouters(client);
  if (old?.network === 'host' && old.status === 'running' && start.network === 'host') await beside(upgrade);
  else await afterwards(upgrade, old);
}

/** One that has to stay as it is would be started again by its engine as soon as it has ended. */
async function checkEngine(client: EngineClient): Promise<void> {
  if (client.program !== 'podman') return;
  const help = await client.ask('say what it can', ['update', '--help']);
  if (/--restart\b/.test(help)) return;
  throw new DeployError('ND-ENGINE-UNSUPPORTED', {
    what: 'the router cannot be replaced', where: client.name, why: 'this podman cannot change whether a container is started again (update --restart)',
    next: `update podman; or, with an interruption of about a second: podman rm --force ${ROUTER}, then deploy, which makes it anew`,
  });
}

/** Both at once. */
async function beside({ client, start }: Upgrade): Promise<void> {
  await client.ask('start the new router', routerArguments(start, NEXT_ROUTER), { timeout: START });
  try {
    await heard(client, NEXT_ROUTER, start.token);
  } catch (error) {
    await client.call('remove the new router', ['rm', '--force', NEXT_ROUTER]);
    throw error;
  }
  await finishUpgrade(client);
}

/** One after the other: published ports have one owner. */
async function afterwards({ client, start }: Upgrade, old: RouterFacts | undefined): Promise<void> {
  if (old !== undefined) await retire(client, old, 'TERM');
  try {
    await client.ask('start the new router', routerArguments(start), { timeout: START });
    await heard(client, ROUTER, start.token);
  } catch (error) {
    if (old === undefined) throw error;
    await client.call('remove the new router', ['rm', '--force', ROUTER]);
    await client.ask('take the old router back', ['rename', old.id, ROUTER]);
    await client.ask('take the old router back', ['update', '--restart=always', old.id]);
    await client.ask('start the old router', ['start', old.id], { timeout: START });
    throw error;
  }
}

/** Resolves when that HAProxy answers, and no other one. */
async function heard(client: EngineClient, container: string, token: string): Promise<void> {
  const session = new RouterSession({ client, enter: execArguments(container) });
  const name = `${container} on ${client.name}`;
  const router = new HaproxyRouter({ folder: ROUTER_FOLDER, name, exec: (argv, input) => session.run(argv, input) });
  const end = performance.now() + ANSWER;
  try {
    while (await router.variable(TOKEN).catch(() => undefined) !== token) {
      const { output, complaints } = await client.call('read the log of the router', ['logs', container]);
      const failure = startFailure(`${output}\n${complaints}`, name);
      if (failure !== undefined) throw failure;
      if (performance.now() >= end) throw new DeployError('ND-ROUTER-FAILED', { what: 'the new router does not answer', where: client.name, why: `nothing was heard of it for ${ANSWER / 1_000} s`, next: 'the earlier router is in force; try another image' });
      await sleep(PAUSE);
    }
  } finally {
    await session.close();
  }
}

/** Ends what a killed command began. True when there was something. */
export async function finishUpgrade(client: EngineClient): Promise<boolean> {
  const { old, next } = await lookAtRouters(client);
  if (next === undefined || next.foreign) return false;
  if (next.status !== 'running' && old !== undefined) {
    await client.call('remove the new router', ['rm', '--force', next.id]);
    return true;
  }
  if (old?.foreign === true) return false;
  if (old !== undefined) await retire(client, old, 'USR1');
  await client.ask('name the new router', ['rename', next.id, ROUTER]);
  return true;
}

/** USR1: it takes no new connection and ends when it has finished what it has. */
async function retire(client: EngineClient, { id, status }: RouterFacts, signal: 'USR1' | 'TERM'): Promise<void> {
  await client.ask('let the old router go', ['update', '--restart=no', id]);
  await client.ask('let the old router go', ['rename', id, leavingName(id)]);
  if (status !== 'running') return;
  if (signal === 'USR1') await client.ask('let the old router go', ['kill', '--signal=USR1', id]);
  else await client.ask('stop the old router', ['stop', '--time=10', id], { timeout: START });
}

/** Removes those that have ended. True while one still runs. */
export async function sweepLeaving(client: EngineClient): Promise<boolean> {
  const leaving = await leavingRouters(client);
  const ended = leaving.filter(({ running }) => !running).map(({ id }) => id);
  if (ended.length > 0) await client.call('remove an old router', ['rm', ...ended]);
  return leaving.length > ended.length;
}

/** True when all of them have ended within `limit` ms. */
export async function waitForLeaving(client: EngineClient, limit: Ms): Promise<boolean> {
  const end = performance.now() + limit;
  while (await sweepLeaving(client)) {
    if (performance.now() >= end) return false;
    await sleep(PAUSE);
  }
  return true;
}

/** Runs a program beside the router. */
export type Beside = (argv: readonly string[], input: string) => Promise<Ran>;

/**
 * While `work` runs, nobody changes the router or replaces it; what it runs is in a container of its own, of that image, on the router's volumes, which have to be
 * there. Rejects with ND-ROUTER-FAILED when others hold the lock for `seconds`.
 */
export async function withRouterLock<T>(client: EngineClient, image: string, seconds: number, work: (beside: Beside) => Promise<T>): Promise<T> {
  const session = new RouterSession({ client, enter: besideArguments(image), lock: { folder: ROUTER_FOLDER, seconds } });
  try {
    await session.ready();
    return await work((argv, input) => session.run(argv, input));
  } finally {
    await session.close();
  }
}

async function checkFile(client: EngineClient, image: string, beside: Beside): Promise<void> {
  const { exitCode, output, complaints } = await beside(CHECK_PROGRAM, '');
  if (exitCode === 0) return;
  const problems = `${output}\n${complaints}`.split('\n').map((line) => line.trim()).filter((line) => line !== '').slice(0, 10);
  throw new DeployError('ND-ROUTER-FAILED', { what: 'the router was not upgraded', where: client.name, why: `${image} does not take its configuration`, problems, next: 'the earlier router runs as before; name an image with HAProxy 2.6 or later' });
}
