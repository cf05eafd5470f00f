/** How the router connects to instances: kept connections for what may be repeated, fresh ones for the rest. */
import { Agent, type AgentOptions, type ClientRequest } from 'node:http';
import { connect, type Socket, type TcpNetConnectOpts } from 'node:net';
import type { Ms } from '../../model/index.js';

/** An instance that does not take a connection for this long counts as one that refuses it. */
const CONNECT_TIMEOUT: Ms = 5_000;
const IDLE_TIMEOUT: Ms = 30_000;
const TCP_KEEP_ALIVE: Ms = 30_000;

/** Bytes of a header block, both ways. Above Node's 16 KiB, so that the service's own limit is the one that counts. */
export const MAX_HEADER_SIZE = 65_536;

class UpstreamAgent extends Agent {
  private retired = false;

  override createConnection(options: TcpNetConnectOpts): Socket {
    const socket = connect(options);
    const timer = setTimeout(() => {
      socket.destroy(Object.assign(new Error('connect timed out'), { code: 'ETIMEDOUT', syscall: 'connect' }));
    }, CONNECT_TIMEOUT);
    const clear = (): void => clearTimeout(timer);
    return socket.once('connect', clear).once('close', clear);
  }

  override keepSocketAlive(socket: Socket): boolean {
    // Declared void, documented to return whether the connection may be kept.
    const keep: (socket: Socket) => unknown = super.keepSocketAlive.bind(this);
    return !this.retired && keep(socket) !== false;
  }

  /** Closes the idle connections, and each busy one when its request is done; Agent.destroy() would cut those. */
  retire(): void {
    this.retired = true;
    for (const sockets of Object.values(this.freeSockets)) {
      for (const socket of [...(sockets ?? [])]) socket.destroy();
    }
  }

  get isRetired(): boolean {
    return this.retired;
  }

  revive(): void {
    this.retired = false;
  }
}

export type { UpstreamAgent };

/** One per target. The timeout applies to idle connections alone; an announced `Keep-Alive: timeout` shortens it. */
export function keptConnections(): UpstreamAgent {
  return new UpstreamAgent({ keepAlive: true, keepAliveMsecs: TCP_KEEP_ALIVE, maxFreeSockets: 256, timeout: IDLE_TIMEOUT, scheduling: 'lifo' });
}

/** A connection per request; the request says `Connection: close`, so that the other side ends it and keeps the waiting port. */
export const freshConnections = new UpstreamAgent({ keepAlive: false });

/**
 * A connection per request that does not say so: an instance that answers an upload early and was told to close does it at once, and
 * the reset takes its answer along. Told nothing it reads the rest.
 */
export const uploadConnections = new UpstreamAgent({ keepAlive: true });
uploadConnections.retire();

/** For upgrades: each direction of a tunnel ends by itself. */
export const tunnelConnections = new UpstreamAgent(halfOpen());

function halfOpen(): AgentOptions {
  // Agent hands every option on to net.connect; its own type names only those it reads.
  const options: AgentOptions & { allowHalfOpen: boolean } = { keepAlive: false, allowHalfOpen: true };
  return options;
}

/** Calls back when the request's connection comes to be; one that was kept proves nothing. */
export function onConnection(request: ClientRequest, callback: () => void): void {
  request.once('socket', (socket) => {
    if (socket.connecting) socket.once('connect', callback);
  });
}

const BEFORE_CONNECTED = new Set(['connect', 'getaddrinfo', 'bind']);

/** Did the connection never come to be, so that nothing can have reached the instance? */
export function neverConnected(error: Error): boolean {
  // A name with several addresses fails with the errors of all.
  if ('errors' in error && Array.isArray(error.errors)) return error.errors.every(neverConnected);
  return 'syscall' in error && typeof error.syscall === 'string' && BEFORE_CONNECTED.has(error.syscall);
}

/** The way an idle connection ends that the other side closed just as it was used again. */
export function closedByPeer(error: Error): boolean {
  return 'code' in error && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
}
