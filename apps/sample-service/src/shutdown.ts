import { once } from 'node:events';
import { Server as NetServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { Service } from './server.js';

export interface ShutdownOptions {
  /** ms until what is still open is cut. */
  readonly timeout: number;
  /** ms that idle connections stay open for a request already on its way. */
  readonly idleGrace?: number;
}

export interface ShutdownResult {
  /** Requests and WebSockets that were cut at the deadline. */
  readonly cut: number;
}

const IDLE_GRACE_MS = 300;
/** For the closing handshake of WebSockets once everything else has ended. */
const GOODBYE_MS = 1000;

/** Resolves with false after `ms`; alone it does not keep the process alive. */
const after = (ms: number): Promise<false> => delay(ms, false as const, { ref: false });

/** Stops accepting, lets requests in flight finish, then says goodbye to WebSockets. Resolves when every connection is closed. */
export async function shutDown(service: Service, { timeout, idleGrace = IDLE_GRACE_MS }: ShutdownOptions): Promise<ShutdownResult> {
  const { server, traffic, sockets, health } = service;
  const closed = once(server, 'close').then(() => true as const);
  const goodbye = Math.min(GOODBYE_MS, timeout / 2);
  const deadline = after(timeout - goodbye);
  health.drain();
  traffic.drain();
  // http.Server.close() would cut idle keep-alive connections at once, among them one that just carries the next request.
  NetServer.prototype.close.call(server);
  await Promise.race([after(Math.min(idleGrace, timeout)), closed]);
  server.closeIdleConnections();
  await Promise.race([traffic.idle(), deadline]);
  server.closeIdleConnections();
  sockets.goAway();
  if (await Promise.race([closed, after(goodbye)])) return { cut: 0 };
  const cut = traffic.inFlight + sockets.size;
  sockets.cut();
  server.closeAllConnections();
  await closed;
  return { cut };
}
