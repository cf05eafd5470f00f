/** Instances as the router's targets. */
import type { Target } from '../../routers/router.js';
import type { Container } from './containers.js';

/** Unique across releases, so that the same slot of two releases is two targets. A container that is made anew is another one: its counters begin anew. */
export function targetId({ release, process, slot }: Pick<Container, 'release' | 'process' | 'slot'>): string {
  return `${release}/${process}.${slot}`;
}

export function asTarget(container: Container): Target {
  return { id: targetId(container), release: container.release, host: container.address ?? '', port: container.port };
}
