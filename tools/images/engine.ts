/**
 * A Docker engine of one's own for tests, in a folder of its own. It runs in a process and a mount namespace of its own that end with the program that started it, so that
 * no containerd, shim, container or mount can outlive it. Needs Linux, root, and the programs dockerd, ip, setpriv and unshare.
 */
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, openSync, closeSync, readFileSync, readdirSync, rmdirSync, existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { find } from '../bench/programs.js';

export interface Engine {
  /** For DOCKER_HOST. */
  readonly host: string;
  /** Ends it, if it was started here, with all that runs in it, and removes its folder. */
  stop(): Promise<void>;
  /** Ends it as a machine that loses its power does, and starts it again with what it has on its disk. Only of one that was started here. */
  restart?(): Promise<void>;
}

const START_MS = 30_000;
const STOP_MS = 10_000;
/** What is on the machine already is looked for here. */
const SYSTEM_SOCKET = '/var/run/docker.sock';
/** The second one is slow and works everywhere, also where the folder is on an overlay itself. */
const STORAGE_DRIVERS = ['overlay2', 'vfs'] as const;
const CGROUPS = '/sys/fs/cgroup';

/** The engine that DOCKER_HOST names, or else the machine's if it answers. */
export async function findEngine(env: NodeJS.ProcessEnv = process.env): Promise<Engine | undefined> {
  const named = env['DOCKER_HOST'];
  const host = named === undefined || named === '' ? `unix://${SYSTEM_SOCKET}` : named;
  if (host.startsWith('unix://') ? !await answers(host.slice('unix://'.length)) : named === undefined) return undefined;
  return { host, stop: () => Promise.resolve() };
}

/** Why no engine can be started here; undefined when one can. */
export function lackOfEngine(): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'a Docker engine can be started by root on Linux only; DOCKER_HOST may name one';
  const missing = ['dockerd', 'docker', 'ip', 'setpriv', 'unshare'].filter((program) => find(program) === undefined);
  return missing.length === 0 ? undefined : `not installed: ${missing.join(', ')}`;
}

let started = 0;

/** @param folder absolute, removed at the end; its path should be short, since the longest of a socket is 108 bytes */
export async function startEngine(folder: string): Promise<Engine> {
  sweep();
  started += 1;
  const name = `nxd${process.pid}x${started}`;
  let failure: unknown;
  for (const driver of STORAGE_DRIVERS) {
    try {
      return await startWith(driver, join(folder, driver), name);
    } catch (error) {
      failure ??= error;
    }
  }
  throw failure;
}

async function startWith(driver: string, folder: string, name: string): Promise<Engine> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const socket = join(folder, 'docker.sock');
  addBridge(name, folder);
  let running = launch(driver, folder, name);
  const stop = async (): Promise<void> => {
    await running.kill();
    await removeTraces(name, folder);
  };
  try {
    await running.answering;
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    host: `unix://${socket}`, stop,
    async restart() {
      await running.kill();
      removeCgroups(name);
      // They tell of processes that the first one had: the same numbers are others by now.
      for (const part of ['pid', 'exec', 'docker.sock']) await rm(join(folder, part), { recursive: true, force: true });
      running = launch(driver, folder, name);
      await running.answering;
    },
  };
}

interface Launched {
  /** Rejects with the end of its log when it does not come up. */
  readonly answering: Promise<void>;
  /** With all that runs in it, as when its machine loses its power. */
  kill(): Promise<void>;
}

function launch(driver: string, folder: string, name: string): Launched {
  const socket = join(folder, 'docker.sock');
  const log = join(folder, 'log');
  const output = openSync(log, 'w');
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', 'unshare', '--mount', '--pid', '--fork', '--kill-child=SIGKILL', '--mount-proc', ...dockerd(driver, folder, socket, name)], {
    stdio: ['ignore', output, output], env: { PATH: searchPath(), HOME: folder },
  });
  closeSync(output);
  let running = true;
  const ended = new Promise<void>((done) => { child.once('exit', () => done()).once('error', () => done()); });
  void ended.then(() => { running = false; });
  const answering = async (): Promise<void> => {
    const end = performance.now() + START_MS;
    while (!await answers(socket)) {
      if (running && performance.now() < end) await wait(50);
      else throw new Error(`dockerd with ${driver} does not answer:\n${readFileSync(log, 'utf8').split('\n').slice(-15).join('\n')}`);
    }
  };
  const asked = answering();
  asked.catch(() => undefined);
  return {
    answering: asked,
    async kill() {
      if (running) child.kill('SIGKILL');
      await ended;
    },
  };
}

/** It changes no rule of the machine's firewall: published ports go through docker-proxy. A bridge and a cgroup of its own keep engines apart from each other. */
function dockerd(driver: string, folder: string, socket: string, name: string): string[] {
  return ['dockerd', '--data-root', join(folder, 'data'), '--exec-root', join(folder, 'exec'), '--pidfile', join(folder, 'pid'), '--host', `unix://${socket}`,
    '--storage-driver', driver, '--bridge', name, '--iptables=false', '--ip6tables=false', '--ip-forward=false', '--ip-masq=false',
    '--exec-opt', 'native.cgroupdriver=cgroupfs', '--cgroup-parent', `/${name}`];
}

/** dockerd looks for iptables, runc and containerd; Debian has some of them where only root looks. */
function searchPath(): string {
  return [process.env['PATH'] ?? '', '/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/bin', '/bin'].join(':');
}

function ip(...args: readonly string[]): void {
  execFileSync(find('ip') ?? 'ip', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}

/** Its alias says whose it is, for {@link sweep}. */
function addBridge(name: string, folder: string): void {
  ip('link', 'add', 'name', name, 'type', 'bridge');
  ip('link', 'set', 'dev', name, 'alias', folder);
  const [second, third] = [192 + (process.pid % 64), (process.pid * 7 + started) % 256];
  ip('address', 'add', `10.${second}.${third}.1/24`, 'dev', name);
  ip('link', 'set', name, 'up');
}

async function removeTraces(name: string, folder: string): Promise<void> {
  const end = performance.now() + STOP_MS;
  while (!removeCgroups(name) && performance.now() < end) await wait(50);
  removeBridges(folder);
  if (existsSync(`/sys/class/net/${name}`)) ip('link', 'delete', name);
  // Its mounts end with its last process.
  await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
}

/** Of the networks that the engine had: it knew them by their ids, of which their bridges have the beginning in their names. */
function removeBridges(folder: string): void {
  const known = join(folder, 'data', 'network', 'files', 'local-kv.db');
  const ids = existsSync(known) ? readFileSync(known, 'latin1') : '';
  for (const bridge of readdirSync('/sys/class/net')) {
    const id = /^br-([0-9a-f]{12})$/.exec(bridge)?.[1];
    if (id !== undefined && ids.includes(id)) ip('link', 'delete', bridge);
  }
}

/** False while processes are left in one. */
function removeCgroups(name: string): boolean {
  const places = [CGROUPS, ...folders(CGROUPS)].map((hierarchy) => join(hierarchy, name)).filter((place) => existsSync(place));
  try {
    places.forEach(removeTree);
    return true;
  } catch {
    return false;
  }
}

function removeTree(folder: string): void {
  folders(folder).forEach(removeTree);
  rmdirSync(folder);
}

function folders(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory()).map((entry) => join(folder, entry.name)) : [];
}

/** Bridges and cgroups that a killed test left: nothing of the engine itself runs any more. */
function sweep(): void {
  for (const name of readdirSync('/sys/class/net')) {
    const owner = /^nxd(\d+)x\d+$/.exec(name)?.[1];
    if (owner === undefined || lives(owner)) continue;
    removeCgroups(name);
    const folder = readFileSync(`/sys/class/net/${name}/ifalias`, 'utf8').trim();
    if (folder !== '') removeBridges(folder);
    ip('link', 'delete', name);
  }
}

/** A zombie does not. */
function lives(pid: string): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

function answers(socketPath: string): Promise<boolean> {
  return new Promise((done) => {
    const asked = request({ socketPath, path: '/_ping', timeout: 2_000 }, (answer) => {
      answer.resume();
      done(answer.statusCode === 200);
    });
    asked.on('timeout', () => asked.destroy()).on('error', () => done(false)).end();
  });
}
