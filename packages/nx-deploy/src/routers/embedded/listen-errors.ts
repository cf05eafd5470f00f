import { DeployError } from '../../errors.js';
import type { Listen, Route } from '../router.js';

/** The listener's name: routes with the same one share it. */
export function place(listen: Listen): string {
  return `${listen.address}:${listen.port}`;
}

/** Another route has the same address, port and host. */
export function conflict(listen: Listen, other: string): DeployError {
  const name = listen.host === undefined ? 'every host' : `host ${listen.host}`;
  return new DeployError('ND-LISTEN-CONFLICT', {
    what: `${place(listen)} for ${name} is taken by ${other}`,
    where: place(listen),
    why: 'two routes cannot have the same address, port and host',
    next: `give this service another port or a host of its own, or remove ${other}`,
  });
}

/** What `listen` failed with, in words; `overlapping` is a route of this router on the same port. */
export function cannotListen(listen: Listen, error: unknown, overlapping: Route | undefined): DeployError {
  const code = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : String(error);
  const { what, why, next } = explained(listen, code, overlapping);
  return new DeployError('ND-PORT-TAKEN', { what, where: place(listen), why, next }, { cause: error });
}

function explained(listen: Listen, code: string, overlapping: Route | undefined): { what: string; why: string; next: string } {
  const { port, address } = listen;
  if (code === 'EADDRINUSE' && overlapping !== undefined) {
    return {
      what: `port ${port} is taken by ${overlapping.key}`,
      why: `${overlapping.key} listens on ${place(overlapping.listen)}, which overlaps ${place(listen)}`,
      next: `use another port, or the address ${overlapping.listen.address} with a host of its own`,
    };
  }
  if (code === 'EADDRINUSE') {
    return { what: `port ${port} is taken`, why: `another process listens on ${place(listen)}`, next: `stop it (ss -ltnp 'sport = :${port}' shows it), or set another listen port` };
  }
  if (code === 'EACCES') {
    return { what: `port ${port} cannot be opened`, why: `this user may not listen on ${place(listen)}`, next: 'set a listen port of 1024 or above, or allow the user lower ports' };
  }
  return { what: `port ${port} cannot be opened`, why: `listening on ${place(listen)} failed with ${code}`, next: `check that ${address} is an address of this machine` };
}
