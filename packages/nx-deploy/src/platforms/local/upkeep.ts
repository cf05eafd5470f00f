/** Repairing and ending a service of this machine, beyond what its releases are. */
import { readdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { asideIfDamaged, isMissing, keyAt, mendState, nodeFiles, toldRemoved, unfinishedFiles } from '../../releases/index.js';
import type { Upkeep } from '../platform.js';
import { readRecord, recordFile, writeRecord } from './record.js';
import type { LocalService } from './service.js';

export function localUpkeep(service: LocalService): Upkeep {
  const { folder, supervisor, state, host } = service;
  return {
    async mend() {
      const lines = [
        await mendRecord(service),
        ...await mendState(state, nodeFiles(folder), keyAt(host.targetKey)),
        await supervisor.mend(),
        ...await gathered(service),
        await tidy(folder),
      ];
      return lines.filter((line) => line !== undefined);
    },
    withdraw: () => service.unroute(),
    async erase() {
      for (const name of ['app', 'logs', 'config', 'releases']) await rm(join(folder, name), { recursive: true, force: true });
      await tidy(folder);
    },
  };
}

/** The agent has it in memory, so a file that is damaged or gone is written anew. */
async function mendRecord({ folder, record }: LocalService): Promise<string | undefined> {
  const file = recordFile(folder);
  const aside = await asideIfDamaged({ files: nodeFiles(folder), path: basename(file) }, () => readRecord(folder), 'it was written anew from what is in force');
  if (aside === undefined && await readRecord(folder) !== undefined) return undefined;
  await writeRecord(folder, record);
  return aside ?? 'service.json was gone; it was written anew from what is in force';
}

/** An earlier agent may still forward to what nobody here knows. */
async function gathered({ supervisor, host }: LocalService): Promise<readonly string[]> {
  await host.predecessorGone;
  return supervisor.gather();
}

/** What a process that was killed had not finished. Whoever calls this holds the lock, so nobody is at work here. */
async function tidy(folder: string): Promise<string | undefined> {
  const own = new RegExp(`\\.${process.pid}\\.[0-9a-f]+\\.tmp$`);
  const stale = [
    ...await find(join(folder, 'app'), (name) => /^\..*\.building$|\.removed-\d+$/.test(name)),
    ...(await unfinishedFiles(nodeFiles(folder), (name) => own.test(name))).map((path) => join(folder, path)),
  ];
  for (const path of stale) await rm(path, { recursive: true, force: true });
  return toldRemoved(stale);
}

async function find(folder: string, stale: (name: string) => boolean): Promise<readonly string[]> {
  return (await names(folder)).filter(stale).map((name) => join(folder, name));
}

async function names(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch((error: unknown) => {
    if (isMissing(error)) return [];
    throw error;
  });
}
