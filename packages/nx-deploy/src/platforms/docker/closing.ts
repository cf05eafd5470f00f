/** A service that is closed to its public for a while, by a person. */
import { DeployError } from '../../errors.js';
import type { HaproxyRoute } from '../../routers/haproxy/index.js';
import type { DockerService } from './service.js';
import { urlOf } from './settings.js';
import type { Closing } from './target.js';

export async function closePublic(service: DockerService, closing: Closing | undefined): Promise<{ readonly url: string; readonly before?: Closing }> {
  const { router, engineHost, client } = service.parts;
  const route = await router.router.close(service.routeKey, closing === undefined ? undefined : { closure: closing.closure, closed: { since: closing.since, by: closing.by } });
  if (route === undefined) throw new DeployError('ND-NOT-DEPLOYED', { what: `${service.routeKey} has no address there`, where: client.name, next: 'deploy it first' });
  const before = closingOf(route);
  return { url: urlOf(route.listen, engineHost), ...(before === undefined ? {} : { before }) };
}

export function closingOf({ closure, closed }: HaproxyRoute): Closing | undefined {
  return closure === undefined ? undefined : { closure, since: closed?.since ?? '', by: closed?.by ?? 'unknown' };
}
