/** Makes a service's records anew that an agent could not read when it started, from what runs and what else is stored. */
import { basename, join } from 'node:path';
import { findInstances } from '../../agent/find-instances.js';
import type { InstanceRecord } from '../../agent/instance.js';
import { INSTANCES_FILE, isInstancesFile } from '../../agent/supervisor.js';
import { leftAlone } from '../../agent/strays.js';
import { freePort } from '../../agent/ports.js';
import { errorCode } from '../../errors.js';
import { WEB, type ReleaseId } from '../../model/index.js';
import { asideIfDamaged, damagedReleases, lastSuccess, nodeFiles, readState, setAside, STATE_SCHEMA, writeAtomically, fileStateStore, memoryLock, type ServiceKey, type StateStore } from '../../releases/index.js';
import type { WantedListen } from './platform.js';
import { readRecord, recordFile, wasDeployed, writeRecord, type ServiceRecord } from './record.js';
import type { LocalHost } from './service.js';

export interface RebuildOptions {
  readonly key: ServiceKey;
  readonly owner: string;
  readonly node: string;
  /** Of deploy.json: the address when no record of it is left. */
  readonly listen: WantedListen;
}

/** What was found and done, one line each. The files can be read again afterwards. Rejects with ND-STATE-NEWER for what a newer version wrote. */
export async function rebuildRecords(folder: string, options: RebuildOptions, host: Pick<LocalHost, 'targetKey' | 'takenPorts'>): Promise<readonly string[]> {
  const state = fileStateStore({ folder, keyFile: host.targetKey, lock: memoryLock('rebuild') });
  const lines = [...await damagedReleases(nodeFiles(folder), (id) => state.releases.get(id))];
  const instances = await rebuildInstances(folder, state, lines);
  const aside = await asideIfDamaged({ files: nodeFiles(folder), path: basename(recordFile(folder)) }, () => readRecord(folder), 'it was made anew from what runs');
  if (aside !== undefined || (await readRecord(folder) === undefined && await wasDeployed(folder))) {
    lines.push(aside ?? `${basename(recordFile(folder))} was gone; it was made anew from what runs`);
    await writeRecord(folder, await newRecord(options, state, instances, host, lines));
  }
  return lines;
}

async function newRecord(
  { key, owner, node, listen }: RebuildOptions, state: StateStore, instances: readonly InstanceRecord[], host: Pick<LocalHost, 'takenPorts'>, lines: string[],
): Promise<ServiceRecord> {
  const live = await liveOf(state, instances);
  const { port = await freePort(host.takenPorts()), ...rest } = listen;
  if (listen.port === undefined) lines.push(`its public port stood in service.json alone and deploy.json names none; it is now ${port}`);
  lines.push('what was kept warm and whether the service was closed to its public stood in service.json alone: close it again if it was');
  const weights: Record<ReleaseId, number> = live === undefined ? {} : { [live]: 100 };
  return { schema: STATE_SCHEMA, key, owner, node, weights, ...(live === undefined ? {} : { listen: { ...rest, port } }) };
}

/** The release of the last success if it has instances, else the one with the most. */
async function liveOf(state: StateStore, instances: readonly InstanceRecord[]): Promise<ReleaseId | undefined> {
  const web = instances.filter(({ process }) => process === WEB).map(({ release }) => release);
  const last = lastSuccess(await state.ledger.entries())?.release;
  if (last !== undefined && web.includes(last)) return last;
  const count = (id: ReleaseId): number => web.filter((release) => release === id).length;
  return [...new Set(web)].sort((a, b) => count(b) - count(a))[0];
}

/** The instances that can be managed: those on record, or found among the processes, whose release is known. */
async function rebuildInstances(folder: string, state: StateStore, lines: string[]): Promise<readonly InstanceRecord[]> {
  const file = join(folder, INSTANCES_FILE);
  const stored = await readInstances(file, folder, lines);
  const known = await Promise.all(stored.map(async ({ release }) => await state.releases.get(release) !== undefined));
  const instances = stored.filter((_, index) => known[index]);
  for (const lost of stored.filter((_, index) => !known[index])) {
    lines.push(leftAlone(lost));
  }
  await writeAtomically(file, JSON.stringify({ schema: STATE_SCHEMA, instances }));
  return instances;
}

async function readInstances(file: string, folder: string, lines: string[]): Promise<readonly InstanceRecord[]> {
  try {
    const stored = await readState(file, isInstancesFile);
    if (stored !== undefined) return stored.instances;
    const found = await findInstances(join(folder, 'logs'));
    if (found.length > 0) lines.push(`${INSTANCES_FILE} was gone; ${found.length} instances were found again among the processes`);
    return found;
  } catch (error) {
    if (errorCode(error) !== 'ND-STATE-DAMAGED') throw error;
    const found = await findInstances(join(folder, 'logs'));
    lines.push(`${INSTANCES_FILE} was damaged and is now ${await setAside(file)}; ${found.length} instances were found again among the processes`);
    return found;
  }
}
