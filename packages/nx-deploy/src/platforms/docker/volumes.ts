/** Volumes on an engine. */
import type { EngineClient } from '../../shell/engine/index.js';
import { roleArgument, type Role } from './labels.js';

/** Nothing happens where it is there. */
export async function createVolume(client: EngineClient, volume: string, role: Extract<Role, 'state' | 'router'>): Promise<void> {
  const what = `make the volume ${volume}`;
  const [found] = await client.objects.inspect(what, 'volume', [volume]);
  if (found !== undefined) return;
  const { exitCode, complaints } = await client.call(what, ['volume', 'create', roleArgument(role), volume]);
  // Another command may have been quicker, which podman takes for a failure.
  if (exitCode !== 0 && !/already exists/i.test(complaints)) throw client.failure(what, complaints);
}
