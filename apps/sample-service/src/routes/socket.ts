import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type RawData, type WebSocket } from 'ws';
import type { Identity } from '../settings.js';

const PATH = '/ws';
const LARGEST_MESSAGE_BYTES = 1024 * 1024;
const GOING_AWAY = 1001;
const UNSUPPORTED_DATA = 1003;

/** Echoes JSON messages, each with its number within the connection. */
export class EchoSockets {
  readonly #server = new WebSocketServer({ noServer: true, maxPayload: LARGEST_MESSAGE_BYTES });

  constructor(private readonly identity: Identity, headers: Readonly<Record<string, string>>) {
    this.#server.on('headers', (lines, request: IncomingMessage) => {
      for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`);
      const id = request.headers['x-request-id'];
      if (typeof id === 'string') lines.push(`x-request-id: ${id}`);
    });
  }

  get size(): number {
    return this.#server.clients.size;
  }

  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, draining: boolean): void {
    const path = (request.url ?? '').split('?', 1)[0];
    if (path !== PATH || draining) {
      socket.on('error', () => socket.destroy());
      socket.end(`HTTP/1.1 ${path === PATH ? '503 Service Unavailable' : '404 Not Found'}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
      return;
    }
    this.#server.handleUpgrade(request, socket, head, (client) => this.#serve(client));
  }

  /** Asks every client to leave (1001, going away: RFC 6455 section 7.4.1). */
  goAway(): void {
    for (const client of this.#server.clients) client.close(GOING_AWAY, 'shutting down');
  }

  cut(): void {
    for (const client of this.#server.clients) client.terminate();
  }

  #serve(client: WebSocket): void {
    let sequence = 0;
    client.on('error', () => client.terminate());
    client.on('message', (data: RawData, isBinary) => {
      if (isBinary) {
        client.close(UNSUPPORTED_DATA, 'text messages only');
        return;
      }
      sequence += 1;
      client.send(JSON.stringify({ sequence, release: this.identity.release, ...parsed((data as Buffer).toString()) }));
    });
  }
}

function parsed(text: string): { echo: unknown } | { error: string } {
  try {
    return { echo: JSON.parse(text) as unknown };
  } catch {
    return { error: 'the message is not JSON' };
  }
}
