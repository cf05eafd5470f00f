/** A listening socket as a number that another process can inherit. */
import { fstatSync } from 'node:fs';
import type { Server } from 'node:net';

/** A listener and the descriptor that keeps its address open. */
export interface Descriptor {
  /** `<address>:<port>` as the route names them. */
  readonly name: string;
  readonly fd: number;
}

/**
 * Undefined when the server does not listen. Node documents no way to ask: `_handle` is what its own `cluster` and `child_process` use
 * to hand a server on, and this is the only place that does.
 */
export function descriptorOf(server: Server): number | undefined {
  const handle: unknown = '_handle' in server ? server._handle : undefined;
  if (handle === null || typeof handle !== 'object' || !('fd' in handle)) return undefined;
  return typeof handle.fd === 'number' && handle.fd >= 0 ? handle.fd : undefined;
}

/** Is this number an open socket? */
export function isSocket(fd: number): boolean {
  try {
    return fstatSync(fd).isSocket();
  } catch {
    return false;
  }
}
