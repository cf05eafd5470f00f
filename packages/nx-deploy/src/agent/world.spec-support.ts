/** A real service under a real supervisor, for specs. Whatever a spec starts ends with it. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { join } from 'node:path';
import type { Release, RunSpec } from '../model/index.js';
import { bundleFile, lives, temporaryFolder, until } from '../shell/programs.spec-support.js';
import type { Instance, InstanceRecord } from './instance.js';
import { Supervisor } from './supervisor.js';

export const root = temporaryFolder('supervisor');
export const shim = bundleFile('agent/shim.ts', join(root, 'shim.js'));
export const service = join(root, 'service.js');
writeFileSync(service, `
const http = require('node:http'); const fs = require('node:fs'); const { spawn } = require('node:child_process');
const { PORT, MODE, FOLDER } = process.env;
const flag = (name) => fs.existsSync(FOLDER + '/' + name);
if (MODE === 'stubborn') process.on('SIGTERM', () => {});
if (MODE === 'stubborn' || MODE === 'forks') {
  const deaf = 'process.on("SIGTERM", () => {}); process.on("SIGHUP", () => {}); setInterval(() => {}, 1000)';
  const inner = spawn(process.execPath, ['-e', deaf], { stdio: 'inherit' });
  // A group of its own within the session, as job control makes it.
  const outer = spawn('bash', ['-c', 'set -m; ' + process.execPath + " -e '" + deaf + "' & echo $! > " + FOLDER + '/outer; wait'], { stdio: 'ignore' });
  fs.writeFileSync(FOLDER + '/children', inner.pid + ' ' + outer.pid);
}
if (MODE === 'exits') { console.log('bad day'); process.exit(9); }
if (MODE === 'worker') setInterval(() => {}, 1000);
else if (MODE !== 'silent') http.createServer((request, response) => {
  if (request.url === '/crash') process.exit(9);
  if (request.url === '/eat') { global.eaten = Buffer.alloc(300e6, 1); }
  fs.appendFileSync(FOLDER + '/asked', '.');
  response.statusCode = flag('sick') ? 503 : 200;
  response.end(String(process.pid));
}).listen(Number(PORT), '127.0.0.1');
else setInterval(() => {}, 1000);
`);

export const spec: RunSpec = {
  processes: { web: { command: ['node'] }, worker: { command: ['node'] } }, cwd: '.', port: 0,
  health: { path: '/health', timeout: 10_000, interval: 40, passes: 3 }, drain: 0, stopTimeout: 1_500, limits: {},
};
const open: { supervisor: Supervisor; folder: string }[] = [];
export const servers: Server[] = [];
let count = 0;

export interface World {
  readonly folder: string;
  readonly supervisor: Supervisor;
  readonly release: Release;
  readonly errors: string[];
  /** Another agent on the same folder. */
  again(): Supervisor;
  stored(): readonly InstanceRecord[];
}

export function world(mode: string, change: Partial<RunSpec> = {}, refuse: () => boolean | Promise<boolean> = () => false): World {
  const folder = join(root, String(count += 1));
  mkdirSync(folder);
  const release: Release = { id: 'r0123456789ab', service: 'api', artifact: { type: 'files', digest: '', files: 0, bytes: 0 }, config: { digest: '', keys: {} }, spec: { ...spec, ...change } };
  const errors: string[] = [];
  const make = (): Supervisor => {
    const supervisor = new Supervisor({
      folder, shim, node: process.execPath, release: () => Promise.resolve(release), takenPorts: () => new Set(), onChange: () => undefined,
      order: async (_release, record) => (await refuse() ? Promise.reject(new Error('the configuration is gone')) : { argv: [process.execPath, service], cwd: folder, env: { PORT: String(record.port), NX_DEPLOY_INSTANCE: record.id, MODE: mode, FOLDER: folder }, secrets: {} }),
      onError: (message, error) => { errors.push(`${message}: ${error instanceof Error ? error.message : String(error)}`); },
    });
    open.push({ supervisor, folder });
    return supervisor;
  };
  const stored = (): readonly InstanceRecord[] => {
    const file = join(folder, 'instances.json');
    return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as { instances: InstanceRecord[] }).instances : [];
  };
  return { folder, release, errors, supervisor: make(), again: make, stored };
}

export async function grown(mode: string, change: Partial<RunSpec> = {}): Promise<World & { readonly instance: Instance }> {
  const made = world(mode, change);
  await made.supervisor.grow(made.release, 'web');
  return { ...made, instance: made.supervisor.all()[0]! };
}

export const ready = (instance: Instance): Promise<true> => until(`${instance.record.id} is ready (${instance.state}: ${instance.reason})`, () => instance.state === 'ready');
export const ask = async (instance: Instance, path: string): Promise<string> => (await fetch(`http://127.0.0.1:${instance.record.port}${path}`)).text();
export const children = (folder: string): Promise<number[]> => until('its children have started', () => {
  if (!['children', 'outer'].every((name) => existsSync(join(folder, name)))) return undefined;
  const pids = ['children', 'outer'].flatMap((name) => readFileSync(join(folder, name), 'utf8').trim().split(/\s+/).filter((text) => text !== '').map(Number));
  return pids.length === 3 ? pids : undefined;
});
/** Processes of a folder, whoever started them. */
export function processesOf(folder: string): number[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number).filter((pid) => {
    try {
      return lives(pid) && readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`FOLDER=${folder}\0`);
    } catch {
      return false;
    }
  });
}

afterEach(async () => {
  for (const { supervisor } of [...open].reverse()) await Promise.all(supervisor.all().map((instance) => supervisor.stop(instance).catch(() => undefined)));
  for (const { folder } of open.splice(0)) for (const pid of processesOf(folder)) process.kill(pid, 'SIGKILL');
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

