/** Names of files that are being written or removed: they tell who is at it, so that what a killed process left can be removed at once. */
import { createHash, randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { identity } from '../../shell/process-table.js';
import type { Places } from './places.js';

/** A name of its own in `temporary`: `<machine>-<pid>-<uuid>`. */
export function temporaryIn({ temporary }: Places): string {
  return join(temporary, `${machine()}-${process.pid}-${randomUUID()}`);
}

/** Has the process that made it ended? False also for one of another machine or container, which cannot be asked. */
export async function isAbandoned(name: string): Promise<boolean> {
  const [, maker, pid] = /^([0-9a-f]{12})-(\d+)-/.exec(name) ?? [];
  return maker === machine() && pid !== undefined && await identity(Number(pid)) === undefined;
}

function machine(): string {
  return createHash('sha256').update(hostname()).digest('hex').slice(0, 12);
}
