/** One address and port: an http.Server shared by the routes with different hosts, which knows its idle connections. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Server as NetServer, type Socket } from 'node:net';
import type { Ms } from '../../model/index.js';
import type { Listen } from '../router.js';
import { admit, type Trust } from './admit.js';
import { descriptorOf } from './descriptor.js';
import { framingOf } from './headers.js';
import { answerPlainly, responseOn } from './relay.js';
import type { Service } from './service.js';
import { serveWithoutUpgrade } from './upgrade.js';
import { MAX_HEADER_SIZE } from './upstream.js';
import { RequestVisit, UpgradeVisit } from './visits.js';

const BACKLOG = 4_096;
/** Above the 60 s for which load balancers keep an idle connection. */
const KEEP_ALIVE: Ms = 65_000;
const HEADERS_TIMEOUT: Ms = 60_000;
/** How long an idle connection may still bring a request, answered with `Connection: close`, after accepting has stopped. */
const GRACE: Ms = 5_000;

/** The name under which the route without a host is kept. */
const FALLBACK = '';

export class Listener {
  private readonly services = new Map<string, Service>();
  /** Requests that each connection has in hand. */
  private readonly connections = new Map<Socket, number>();
  private readonly server: Server;
  private closing = false;
  private graceOver = false;

  private constructor(private readonly trust: Trust) {
    this.server = createServer({ requestTimeout: 0, headersTimeout: HEADERS_TIMEOUT, keepAliveTimeout: KEEP_ALIVE, maxHeaderSize: MAX_HEADER_SIZE, insecureHTTPParser: false });
    this.server.maxHeadersCount = 0;
    this.server.on('connection', (socket) => this.onConnection(socket));
    const serve = (request: IncomingMessage, response: ServerResponse): void => this.onRequest(request, response);
    this.server.on('request', serve).on('checkContinue', serve);
    this.server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => this.onUpgrade(request, socket, head));
    this.server.on('connect', (request: IncomingMessage, socket: Socket) => {
      this.takeOver(socket);
      answerPlainly(responseOn(socket, request), 405, 'Method Not Allowed: this is not a forward proxy.', { close: true });
    });
  }

  /** Binds, or goes on with a socket that was inherited. Rejects with the error of `listen`. */
  static async open(listen: Listen, trust: Trust, inherited?: number): Promise<Listener> {
    const listener = new Listener(trust);
    const { server } = listener;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      const opened = (): void => {
        // A failing accept (too many open files) must not end the process.
        server.off('error', reject).on('error', () => {});
        resolve();
      };
      if (inherited !== undefined) server.listen({ fd: inherited }, BACKLOG, opened);
      else server.listen({ host: listen.address, port: listen.port, backlog: BACKLOG, exclusive: true }, opened);
    });
    return listener;
  }

  /** Undefined once it has stopped accepting. */
  get descriptor(): number | undefined {
    return descriptorOf(this.server);
  }

  serve(host: string | undefined, service: Service): void {
    this.services.set(host ?? FALLBACK, service);
  }

  unserve(host: string | undefined): void {
    this.services.delete(host ?? FALLBACK);
  }

  holder(host: string | undefined): Service | undefined {
    return this.services.get(host ?? FALLBACK);
  }

  /** Does no route but this one use it? */
  servesOnly(service: Service): boolean {
    return [...this.services.values()].every((other) => other === service);
  }

  /**
   * Stops accepting at once and resolves when no connection is left: each ends with the answer it waits for or, idle, after 5 s.
   * http.Server.close() would cut idle connections at once, under requests that are already on their way.
   */
  async close(): Promise<void> {
    this.closing = true;
    const closed = new Promise<void>((resolve) => { this.server.once('close', resolve); });
    NetServer.prototype.close.call(this.server);
    const timer = setTimeout(() => this.endIdle(), GRACE);
    await closed;
    clearTimeout(timer);
    // Stops the timer with which node:http looks for slow clients.
    this.server.close();
  }

  /** Cuts every connection. */
  cut(): void {
    for (const socket of this.connections.keys()) socket.destroy();
  }

  private endIdle(): void {
    this.graceOver = true;
    for (const [socket, inHand] of this.connections) {
      if (inHand === 0) socket.destroy();
    }
  }

  private onConnection(socket: Socket): void {
    if (!this.connections.has(socket)) socket.once('close', () => this.connections.delete(socket));
    this.connections.set(socket, 0);
  }

  private count(socket: Socket, change: number): void {
    const inHand = this.connections.get(socket);
    if (inHand === undefined) return;
    this.connections.set(socket, inHand + change);
    if (this.graceOver && inHand + change === 0) socket.destroySoon();
  }

  private readonly find = (host: string): Service | undefined => {
    const service = this.services.get(host) ?? this.services.get(FALLBACK);
    return service?.route && service;
  };

  private readonly isClosing = (): boolean => this.closing;

  private onRequest(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    this.count(socket, 1);
    response.once('close', () => this.count(socket, -1));
    const admission = admit(request, this.find, this.trust);
    if ('refusal' in admission) answerPlainly(response, admission.refusal, admission.text, { close: this.closing });
    else new RequestVisit(admission.service, admission.head, request, response, this.isClosing).enter();
  }

  private onUpgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    if (framingOf(request) !== 'none') {
      serveWithoutUpgrade(this.server, request, socket, head);
      return;
    }
    this.takeOver(socket);
    const admission = admit(request, this.find, this.trust);
    if ('refusal' in admission) answerPlainly(responseOn(socket, request), admission.refusal, admission.text, { close: true });
    else new UpgradeVisit(admission.service, admission.head, request, socket, head).enter();
  }

  /** node:http has let go of the connection; it counts as busy until it is closed. */
  private takeOver(socket: Socket): void {
    this.count(socket, 1);
    socket.setTimeout(0);
    socket.on('error', () => {});
  }
}
