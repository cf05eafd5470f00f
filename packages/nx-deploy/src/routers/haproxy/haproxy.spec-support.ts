/** A real HAProxy on this machine, and upstreams of it, for specs; all of it ends with `closeAll`. */
import { spawn, type ChildProcess } from 'node:child_process';
import { createWriteStream, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTcp, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Target } from '../router.js';
import { until } from '../../shell/programs.spec-support.js';
import type { RouterPlace } from './place.js';
import type { HaproxyRoute } from './route.js';
import { HaproxyRouter } from './router.js';
import { haproxyCommand } from './scripts.js';

const opened: (() => unknown)[] = [];
/** dash and perl find their programs here; Debian has haproxy where only root looks. */
const PATH = [process.env['PATH'] ?? '', '/usr/sbin', '/usr/bin', '/bin'].join(':');

export async function closeAll(): Promise<void> {
  for (const close of opened.splice(0).reverse()) await close();
}

export function haproxyFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'nxd-haproxy-'));
  opened.push(() => { rmSync(folder, { recursive: true, force: true }); });
  return folder;
}

/** What `docker exec -i` is on an engine. */
export function placeIn(folder: string, env: Readonly<Record<string, string>> = { PATH }): RouterPlace {
  return {
    folder, name: 'the router of the spec',
    exec: ([file = '', ...args], input) => new Promise((resolve, reject) => {
      const child = spawn(file, args, { env: { ...env }, stdio: ['pipe', 'pipe', 'pipe'] });
      let [output, complaints] = ['', ''];
      child.stdout.setEncoding('utf8').on('data', (text: string) => { output += text; });
      child.stderr.setEncoding('utf8').on('data', (text: string) => { complaints += text; });
      child.stdin.on('error', () => undefined).end(input);
      child.once('error', reject).once('close', (exitCode) => resolve({ exitCode: exitCode ?? -1, output, complaints }));
    }),
  };
}

export interface RunningHaproxy {
  readonly folder: string;
  readonly router: HaproxyRouter;
  /** Keys of the routes that it started without. */
  readonly without: readonly string[];
  readonly master: ChildProcess;
  readonly log: () => string;
  /** Ends it and resolves when it has ended. */
  readonly kill: () => Promise<void>;
}

export async function haproxy(routes: readonly HaproxyRoute[] = [], folder = haproxyFolder()): Promise<RunningHaproxy> {
  const router = new HaproxyRouter(placeIn(folder));
  const without = await router.prepare(routes);
  const [file = '', ...args] = haproxyCommand(folder);
  const log = join(folder, 'log');
  const master = spawn(file, args, { env: { PATH }, stdio: ['ignore', 'pipe', 'pipe'] });
  for (const stream of [master.stdout, master.stderr]) stream.pipe(createWriteStream(log, { flags: 'a' }));
  const ended = new Promise<void>((done) => { master.once('close', () => done()).once('error', () => done()); });
  const kill = async (): Promise<void> => {
    // Its worker ends with it: the pipe between them tells.
    master.kill('SIGKILL');
    await ended;
  };
  opened.push(kill);
  await until('HAProxy answers', () => router.running('none').then(() => true, () => false));
  return { folder, router, without, master, log: () => (existsSync(log) ? readFileSync(log, 'utf8') : ''), kill };
}

export interface Instance {
  readonly target: Target;
  readonly server: Server;
  readonly stop: () => Promise<void>;
}

/** Answers its name, after as many ms as it is asked for, unless told otherwise. */
export async function instance(release: string, name = '1', listener?: RequestListener): Promise<Instance> {
  const server = createServer(listener ?? ((request, response) => {
    const wait = Number(new URL(request.url ?? '/', 'http://x').searchParams.get('ms') ?? 0);
    request.resume().on('end', () => { setTimeout(() => response.setHeader('x-release', release).end(name), wait); });
  }));
  await new Promise<void>((done) => { server.listen(0, '127.0.0.1', 4_096, done); });
  const stop = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise<void>((done) => { server.close(() => done()); });
  };
  opened.push(stop);
  return { target: { id: `${release}/${name}`, release, host: '127.0.0.1', port: (server.address() as AddressInfo).port }, server, stop };
}

const SERVICE = join(__dirname, '../../../../../e2e/fixtures/services/steady/main.js');

/** A process of its own that answers as the load client wants it. */
export async function service(release: string, name: string): Promise<Pick<Instance, 'target' | 'stop'>> {
  const port = await freePort();
  const child = spawn(process.execPath, [SERVICE], { env: { PORT: String(port), NX_DEPLOY_RELEASE: release, NX_DEPLOY_INSTANCE: name, NX_DEPLOY_SERVICE: 'api' }, stdio: 'ignore' });
  const ended = new Promise<void>((done) => { child.once('exit', () => done()); });
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    await ended;
  };
  opened.push(stop);
  await until('the instance answers', () => fetch(`http://127.0.0.1:${port}/health`).then(({ ok }) => ok, () => false));
  return { target: { id: `${release}/${name}`, release, host: '127.0.0.1', port }, stop };
}

/** One that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createTcp();
  await new Promise<void>((done) => { server.listen(0, '127.0.0.1', done); });
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  return port;
}

export const A = `r${'a'.repeat(12)}`;
export const B = `r${'b'.repeat(12)}`;

export interface RouteParts extends Partial<Omit<HaproxyRoute, 'listen'>> {
  readonly listen?: Partial<HaproxyRoute['listen']>;
}

export function route(port: number, targets: readonly Target[], weights: Readonly<Record<string, number>>, rest: RouteParts = {}): HaproxyRoute {
  return { key: 'api (test, acme)', weights, targets, drain: 30_000, ...rest, listen: { address: '127.0.0.1', port, ...rest.listen } };
}
