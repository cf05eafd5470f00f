/** A shutdown that loses no request: unready first, then no new connections, then what is open ends. */
import type { Server } from 'node:http';
import { Server as NetServer } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import type { Health } from './health.js';

export interface ShutdownOptions {
  /** ms between unready and the end of accepting: until balancers have asked again; 5,000 by default. */
  readonly unreadyMs?: number;
  /** ms that idle connections stay open after that, for a request that is on its way; 300 by default. */
  readonly idleMs?: number;
  /** ms until what is still open is cut; 30,000 by default. */
  readonly timeoutMs?: number;
}

/** Resolves when every connection has ended, or a second after the rest was cut: upgraded ones (WebSockets) are the service's to end. `cut`: whether some were left at the end of the time. */
export async function shutDown(server: Server, health: Health, { unreadyMs = 5_000, idleMs = 300, timeoutMs = 30_000 }: ShutdownOptions = {}): Promise<{ readonly cut: boolean }> {
  health.drain();
  await wait(unreadyMs);
  const closed = new Promise<true>((resolve) => { server.once('close', () => resolve(true)); });
  // http.Server.close() would cut idle connections at once, among them one that just carries the next request.
  NetServer.prototype.close.call(server);
  await Promise.race([wait(Math.min(idleMs, timeoutMs), undefined, { ref: false }), closed]);
  server.closeIdleConnections();
  // A connection that becomes idle when its answer ended is kept alive by its client.
  const sweep = setInterval(() => server.closeIdleConnections(), 50);
  try {
    if (await Promise.race([closed, wait(timeoutMs, false as const, { ref: false })])) return { cut: false };
    server.closeAllConnections();
    // Upgraded connections are no longer the server's, and keep it from closing.
    await Promise.race([closed, wait(1_000, undefined, { ref: false })]);
    return { cut: true };
  } finally {
    clearInterval(sweep);
    health.close();
  }
}
