/** A service that is closed to its public for a while, by a person: with a page, or requests wait. It needs no lock, so that it is there in any trouble. */
import { DeployError } from '../errors.js';
import { urlOf } from '../platforms/local/platform.js';
import type { Closed } from '../platforms/local/record.js';
import type { Closure } from '../routers/router.js';
import type { ServiceTarget } from './protocol.js';
import type { Registry } from './registry.js';

export interface ClosureRequest extends ServiceTarget {
  /** Undefined opens the service again. */
  readonly closure?: Closure;
  /** Who asks, as `user@host`. */
  readonly by: string;
}

export interface ClosureStatus {
  readonly type: Closure['type'];
  /** ISO time. */
  readonly since: string;
  readonly by: string;
}

export interface ClosureAnswer {
  readonly url: string;
  /** What was in force before. */
  readonly before?: ClosureStatus;
  readonly now?: ClosureStatus;
}

/** Rejects with ND-NOT-DEPLOYED when the service has no address to be closed at. */
export async function changeClosure(registry: Registry, { closure, by, ...target }: ClosureRequest): Promise<ClosureAnswer> {
  const service = await registry.known(target);
  // Its record is another agent's by now.
  if (service.forsaken) throw new DeployError('ND-INTERRUPTED', { what: 'a newer agent takes over just now', next: 'run the command again' });
  const { closed, listen, key } = service.record;
  const url = urlOf(listen);
  if (url === undefined) throw new DeployError('ND-NOT-DEPLOYED', { what: `${key.service} (${key.environment}) has no address here`, next: 'deploy it first' });
  const next: Closed | undefined = closure === undefined ? undefined : { closure, by, since: new Date().toISOString() };
  if (closed !== undefined || next !== undefined) await service.close(next);
  return { url, ...(closed === undefined ? {} : { before: closureStatus(closed) }), ...(next === undefined ? {} : { now: closureStatus(next) }) };
}

/** Without the page, which may be long. */
export function closureStatus({ closure, since, by }: Omit<Closed, 'closure'> & { readonly closure: Pick<Closure, 'type'> }): ClosureStatus {
  return { type: closure.type, since, by };
}
