/** What a service is called at a router, whichever that is. */
import { createHash } from 'node:crypto';

interface Key {
  readonly workspace: string;
  readonly environment: string;
  readonly service: string;
}

export function routeKey({ workspace, environment, service }: Key): string {
  return `${service} (${environment}, ${workspace})`;
}

/** Cookies are shared by all ports of a host, so each service has a name of its own. It is the same for ever, and tells the public nothing. */
export function cookieName({ workspace, environment, service }: Key): string {
  return `nxd-${createHash('sha256').update(JSON.stringify([workspace, environment, service])).digest('hex').slice(0, 12)}`;
}
