/** Finds the instances of a service among the running processes when the record of them is lost. */
import { realpath } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { startedWith, writersBelow } from '../shell/open-files.js';
import { identity, sessionMembers } from '../shell/process-table.js';
import type { InstanceRecord } from './instance.js';

/** A shim's own output goes to `<logs>/<release>/<process>.<slot>.log.shim`: that names the instance. Its program was started with the port. */
const SHIM_OUTPUT = /^((.+)\.(\d+))\.log\.shim$/;

/** Linux only; elsewhere none are found. */
export async function findInstances(logFolder: string): Promise<readonly InstanceRecord[]> {
  const folder = await realpath(logFolder).catch(() => undefined);
  // Nothing was ever started.
  if (folder === undefined) return [];
  const writers = await writersBelow(folder);
  const found = await Promise.all(writers.map(async ({ pid, file }) => {
    const [, id = '', process = '', slot = ''] = SHIM_OUTPUT.exec(basename(file)) ?? [];
    const known = await identity(pid);
    if (id === '' || known === undefined) return [];
    return [{ id, release: basename(dirname(file)), process, slot: Number(slot), port: await portOf(pid, id), pid, identity: known }];
  }));
  return found.flat();
}

async function portOf(shim: number, id: string): Promise<number> {
  for (const member of await sessionMembers(shim)) {
    if (await startedWith(member, 'NX_DEPLOY_INSTANCE') === id) return Number(await startedWith(member, 'PORT') ?? 0);
  }
  return 0;
}
