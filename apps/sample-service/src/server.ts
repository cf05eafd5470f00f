import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Logger } from 'pino';
import { createEndpoint, type Endpoint, type Health } from 'nx-health/endpoint';
import manifest from '../package.json';
import { FaultSwitch } from './faults.js';
import { routes } from './routes/index.js';
import { sendJson } from './routes/route.js';
import { EchoSockets } from './routes/socket.js';
import type { Settings } from './settings.js';
import { Traffic } from './traffic.js';

/** Longer than any proxy in front keeps a connection idle, so that the proxy is the side that closes it. */
const KEEP_ALIVE_MS = 75_000;

export interface Service {
  readonly server: Server;
  readonly traffic: Traffic;
  readonly sockets: EchoSockets;
  readonly health: Health;
  /** Resolves with the bound address; rejects when it is taken. */
  listen(): Promise<AddressInfo>;
}

export function createService(settings: Settings, log: Logger): Service {
  const { service, release, instance } = settings.identity;
  const identity = { 'x-service': service, 'x-release': release, 'x-instance': instance };
  const traffic = new Traffic();
  const faults = new FaultSwitch(settings.faults);
  const endpoint = createEndpoint({ name: service, version: manifest.version, release, details: 'always' });
  const sockets = new EchoSockets(settings.identity, identity);
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS, headersTimeout: KEEP_ALIVE_MS + 1000 }, (request, response) => {
    const start = performance.now();
    traffic.track(request, response);
    for (const [name, value] of Object.entries(identity)) response.setHeader(name, value);
    const id = request.headers['x-request-id'];
    if (typeof id === 'string') response.setHeader('x-request-id', id);
    response.once('close', () => {
      const ms = Math.round(performance.now() - start);
      log.debug({ method: request.method, path: pathOf(request), status: response.statusCode, ms, complete: response.writableFinished }, 'request');
    });
    answer(request, response, { settings, traffic, faults, endpoint }).catch((error: unknown) => fail(request, response, log, error));
  });
  server.on('upgrade', (request, socket, head) => sockets.upgrade(request, socket, head, traffic.draining));
  return { server, traffic, sockets, health: endpoint.health, listen: () => listen(server, settings) };
}

/** Without the query, which may hold what no log should. */
function pathOf(request: IncomingMessage): string {
  return (request.url ?? '/').split('?', 1)[0] ?? '/';
}

interface State {
  readonly settings: Settings;
  readonly traffic: Traffic;
  readonly faults: FaultSwitch;
  readonly endpoint: Endpoint;
}

async function answer(request: IncomingMessage, response: ServerResponse, { settings, traffic, faults, endpoint }: State): Promise<void> {
  const path = pathOf(request);
  if (await faults.hits(path)) {
    sendJson(response, 500, { error: 'a fault that was switched on' });
    return;
  }
  if (endpoint.handle(request, response)) return;
  const methods = Object.hasOwn(routes, path) ? routes[path] : undefined;
  if (methods === undefined) {
    sendJson(response, 404, { error: 'not found' });
    return;
  }
  const method = request.method === 'HEAD' ? 'GET' : (request.method ?? 'GET');
  const handler = Object.hasOwn(methods, method) ? methods[method] : undefined;
  if (handler === undefined) {
    response.setHeader('allow', Object.keys(methods).flatMap((known) => (known === 'GET' ? ['GET', 'HEAD'] : [known])).join(', '));
    sendJson(response, 405, { error: 'method not allowed' });
    return;
  }
  const query = new URLSearchParams((request.url ?? '').slice(path.length + 1));
  await handler({ request, response, query, settings, traffic });
}

function fail(request: IncomingMessage, response: ServerResponse, log: Logger, error: unknown): void {
  if (request.destroyed && !request.complete) return; // the client left in the middle of its body
  log.error({ err: error, path: pathOf(request) }, 'request failed');
  if (response.headersSent) response.destroy();
  else sendJson(response, 500, { error: 'internal error' });
}

function listen(server: Server, { host, port }: Settings): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve(server.address() as AddressInfo);
    });
  });
}
