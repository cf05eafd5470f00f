/** Real upstreams and clients for the router's tests; everything they open is closed by `closeAll`. */
import http, { type IncomingMessage, type RequestListener } from 'node:http';
import net, { type AddressInfo, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Route, Router, Target } from '../router.js';
import { createEmbeddedRouter, type EmbeddedRouterOptions } from './index.js';

const opened: (() => unknown)[] = [];

export async function closeAll(): Promise<void> {
  for (const close of opened.splice(0).reverse()) await close();
}

export function router(options?: EmbeddedRouterOptions): Router {
  const created = createEmbeddedRouter(options);
  opened.push(() => created.close(0));
  return created;
}

export interface Upstream {
  readonly server: http.Server;
  readonly port: number;
  /** Connections taken so far. */
  readonly connections: () => number;
  readonly stop: () => Promise<void>;
}

export async function upstream(listener: RequestListener, options: http.ServerOptions = {}): Promise<Upstream> {
  const server = http.createServer(options, listener);
  let connections = 0;
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    connections += 1;
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  const port = await listening(server);
  // Upgraded ones too, which the server has let go of.
  opened.push(() => sockets.forEach((socket) => socket.destroy()));
  return { server, port, connections: () => connections, stop: () => stopped(server) };
}

/** A TCP server that answers by its own bytes. */
export async function rawUpstream(onSocket: (socket: Socket) => void): Promise<{ port: number; server: net.Server }> {
  const sockets = new Set<Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    onSocket(socket);
  });
  const port = await listening(server);
  opened.push(() => sockets.forEach((socket) => socket.destroy()));
  return { port, server };
}

async function listening(server: net.Server): Promise<number> {
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', 4096, resolve); });
  opened.push(() => stopped(server));
  return (server.address() as AddressInfo).port;
}

function stopped(server: net.Server): Promise<void> {
  const done = new Promise<void>((resolve) => { server.close(() => resolve()); });
  if (server instanceof http.Server) server.closeAllConnections();
  return done;
}

/** A port that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => { server.close(resolve); });
  return port;
}

export function target(port: number, release = 'rA', id = `${release}-${port}`): Target {
  return { id, release, host: '127.0.0.1', port };
}

export function route(port: number, targets: readonly Target[], rest: Partial<Omit<Route, 'targets'>> = {}): Route {
  return { key: 'api', listen: { address: '127.0.0.1', port }, weights: { [targets[0]?.release ?? 'rA']: 100 }, targets, ...rest };
}

/** A router with one route to these targets; returns its port. */
export async function serving(...targets: readonly Target[]): Promise<{ front: Router; port: number }> {
  const front = router();
  const port = await freePort();
  await front.set(route(port, targets));
  return { front, port };
}

export interface Answer {
  readonly status: number;
  readonly message: IncomingMessage;
  readonly body: string;
}

export function open(port: number, options: http.RequestOptions = {}): http.ClientRequest {
  return http.request({ host: '127.0.0.1', port, agent: false, ...options });
}

export function answerOf(request: http.ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => { request.once('response', resolve).once('error', reject); });
}

export async function ask(port: number, options: http.RequestOptions & { readonly body?: string | Buffer } = {}): Promise<Answer> {
  const { body, ...rest } = options;
  const request = open(port, rest);
  const answer = answerOf(request);
  request.end(body);
  const message = await answer;
  return { status: message.statusCode ?? 0, message, body: await text(message) };
}

/** Sends bytes and returns everything (latin1) that came until the connection ended or, with `until`, until it is there. */
export async function exchange(port: number, bytes: string, until?: string | RegExp): Promise<string> {
  const socket = connect(port);
  socket.write(bytes, 'latin1');
  return received(socket, until);
}

export function connect(port: number): Socket {
  const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  socket.setEncoding('latin1');
  opened.push(() => socket.destroy());
  return socket;
}

export function received(socket: Socket, until?: string | RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    let all = '';
    const there = (): boolean => until !== undefined && (typeof until === 'string' ? all.includes(until) : until.test(all));
    const done = (): void => {
      socket.off('data', onData).off('end', done).off('close', done).off('error', reject);
      if (there() || until === undefined) resolve(all);
      else reject(new Error(`ended after ${JSON.stringify(all)}`));
    };
    const onData = (chunk: string): void => {
      all += chunk;
      if (there()) done();
    };
    socket.on('data', onData).on('end', done).on('close', done).on('error', reject);
  });
}

export async function until(condition: () => boolean, what = 'condition'): Promise<void> {
  const end = performance.now() + 5_000;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`not within 5 s: ${what}`);
    await sleep(2);
  }
}

/** Reads a request body to its end. */
export async function drained(request: IncomingMessage): Promise<string> {
  return text(request);
}
