/** Why the router of an engine does not do what it should. */
import { DeployError } from '../../errors.js';
import { startFailure } from '../../routers/haproxy/index.js';
import type { EngineClient } from '../../shell/engine/index.js';
import { ROUTER } from './router-arguments.js';
import type { RouterFacts } from './router-look.js';

/** HAProxy that cannot start says why, and ends. Rejects with that. */
export async function complain(client: EngineClient, { startedAt, status }: RouterFacts): Promise<void> {
  if (status !== 'restarting') return;
  const { output, complaints } = await client.call('read the log of the router', ['logs', `--since=${startedAt}`, ROUTER]);
  const failure = startFailure(`${output}\n${complaints}`, `${ROUTER} on ${client.name}`);
  if (failure !== undefined) throw failure;
}

export function foreign(where: string, name = ROUTER): DeployError {
  return new DeployError('ND-OWNER-CONFLICT', { what: `the name ${name} is taken by a container that nx-deploy did not start`, where, why: 'it was left alone', next: 'rename or remove it, if it is yours' });
}
