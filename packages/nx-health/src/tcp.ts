import { connect, type Socket } from 'node:net';
import { attempt, type Asking, type AttemptOptions } from './attempt.js';
import type { CheckResult } from './result.js';

export interface TcpCheck extends AttemptOptions {
  readonly host: string;
  readonly port: number;
}

/** Healthy when the port accepts a connection, which is closed at once. Rejects only on a port that cannot be one (RangeError). */
export async function checkTcp(check: TcpCheck): Promise<CheckResult> {
  if (!(Number.isInteger(check.port) && check.port >= 0 && check.port <= 65_535)) throw new RangeError(`port must be a whole number from 0 to 65535, got ${check.port}`);
  return attempt(check, async (asking) => {
    await connection(check, asking);
    return { status: 'healthy' };
  });
}

/** An open connection, which ends with the signal. */
export function connection({ host, port }: { readonly host: string; readonly port: number }, { signal, waitingFor }: Asking): Promise<Socket> {
  waitingFor('no connection');
  return opened(connect({ host, port }), 'connect', signal);
}

/** Waits for a socket's event; the socket is destroyed when the signal aborts, whatever becomes of it before. */
export function opened<S extends Socket>(socket: S, event: 'connect' | 'secureConnect', signal: AbortSignal): Promise<S> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => { socket.destroy(); }, { once: true });
    socket.once(event, () => { resolve(socket); });
    // Stays: without a listener a later error would end the process.
    socket.on('error', reject);
    socket.on('close', () => { reject(new Error('the connection closed before it was open')); });
    // An abort that has been is told to no listener.
    if (signal.aborted) socket.destroy();
  });
}
