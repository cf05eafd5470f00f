/** Processes of a service that run and that nobody has on record: a record that is older than they are leaves them behind. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorCode } from '../errors.js';
import type { Ms } from '../model/index.js';
import { damaged } from '../releases/index.js';
import { findInstances } from './find-instances.js';
import type { InstanceRecord } from './instance-record.js';

/** A shim that is being started is there some ms before its record. */
const SETTLE: Ms = 500;

/** `known`: the shims on record at the moment of the call. Linux only, as {@link findInstances}. */
export async function findStrays(logFolder: string, known: () => ReadonlySet<number>): Promise<readonly InstanceRecord[]> {
  const look = async (): Promise<readonly InstanceRecord[]> => (await findInstances(logFolder)).filter(({ pid }) => pid !== undefined && !known().has(pid));
  const first = await look();
  if (first.length === 0) return [];
  await sleep(SETTLE);
  const still = new Set((await look()).map(({ pid, identity }) => `${pid ?? ''} ${identity ?? ''}`));
  return first.filter(({ pid, identity }) => still.has(`${pid ?? ''} ${identity ?? ''}`));
}

/** What is said of an instance that cannot be managed: how it is stopped, and with what, stood in the record of its release. */
export function leftAlone({ id, release, pid }: InstanceRecord): string {
  return `instance ${id} of release ${release} is left alone${pid === undefined ? '' : ` (process ${pid})`}: the record of its release is gone, so end it by hand`;
}

/** Of something that ran the record of its release was there: it is lost, and a repair goes on without it. Any other error stays what it is. */
export function missing(folder: string, { id, release }: InstanceRecord, error: unknown): unknown {
  if (errorCode(error) !== 'ND-RELEASE-UNKNOWN') return error;
  return damaged(join(folder, 'releases', `${release}.json`), `it is gone, and instance ${id} of that release is on record`);
}
