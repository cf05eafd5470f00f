import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { WebSocketServer, type WebSocket } from 'ws';
import { Load } from './load.js';
import type { Fault, Kind, LoadOptions, LoadReport } from './report.js';

export interface Faulty {
  readonly url: string;
  readonly server: Server;
  /** The connections of all requests so far, in the order of the requests. */
  readonly sockets: Socket[];
  close(): Promise<void>;
}

/** A server that answers just what a test wants. */
export async function faulty(listener: RequestListener, socket?: (client: WebSocket, request: IncomingMessage) => void): Promise<Faulty> {
  const sockets: Socket[] = [];
  const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    sockets.push(request.socket);
    listener(request, response);
  });
  if (socket !== undefined) new WebSocketServer({ server, path: '/ws' }).on('connection', socket);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const open = new Set<Socket>();
  server.on('connection', (connection: Socket) => {
    open.add(connection);
    connection.once('close', () => open.delete(connection));
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    server,
    sockets,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const connection of open) connection.destroy();
      }),
  };
}

/** Answers GET /version as a good service of release `r1` does. */
export function good(request: IncomingMessage, response: ServerResponse, headers: Record<string, string> = {}): void {
  response.setHeader('x-request-id', String(request.headers['x-request-id']));
  response.writeHead(200, { 'x-release': 'r1', 'x-service': 'api', ...headers });
  response.end('{"release":"r1"}');
}

/** A load of one kind for `ms`, with short requests; all that was sent is finished. */
export async function loaded(url: string, kind: Kind, options: Partial<LoadOptions> = {}, ms = 100): Promise<LoadReport> {
  const load = new Load({
    url, rate: 50, mix: { [kind]: 1 }, timeoutMs: 300, slowMs: 20, events: { count: 3, interval: 5 }, messages: { count: 3, interval: 5 }, ...options,
  });
  await delay(ms);
  return load.stop();
}

/** What the report says when everything of one kind went wrong in one way. */
export function allBad(kind: Kind, fault: Fault, message: RegExp): unknown {
  return {
    ok: 0,
    kinds: { [kind]: { ok: 0, failed: 0, cut: 0, wrong: 0, duplicated: 0, misrouted: 0, [fault]: expect.any(Number) } },
    firstFailures: expect.arrayContaining([expect.objectContaining({ kind, fault, message: expect.stringMatching(message), at: expect.any(String) })]),
  };
}
