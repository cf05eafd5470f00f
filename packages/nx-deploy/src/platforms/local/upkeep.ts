/** Repairing and ending a service of this machine, beyond what its releases are. */
import { readdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { errorCode } from '../../errors.js';
import { isMissing, setAside } from '../../releases/index.js';
import type { Upkeep } from '../platform.js';
import { readRecord, recordFile, writeRecord } from './record.js';
import type { LocalService } from './service.js';

const LOST_KEY = 'another one takes its place, and values that were sealed under it cannot be read: what runs goes on, but starts again only when every service here was deployed again';

export function localUpkeep(service: LocalService): Upkeep {
  const { folder, supervisor, state, host } = service;
  return {
    async mend() {
      const lines = [
        await mendRecord(service),
        await asideIfDamaged(host.targetKey, () => state.config.ref({ values: {}, secrets: [] }), LOST_KEY),
        await asideIfDamaged(join(folder, 'journal.json'), () => state.journal.read(), 'what was under way is read off what runs'),
        await asideIfDamaged(join(folder, 'hook.json'), () => state.hook.read(), 'a hook that an interrupted run left running is not known any more: look for it and end it'),
        ...await mendReleases(service),
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

/** Reads a file; one that is damaged is moved aside and told of. What a newer version wrote is refused. */
export async function asideIfDamaged(file: string, read: () => Promise<unknown>, consequence: string): Promise<string | undefined> {
  try {
    await read();
    return undefined;
  } catch (error) {
    if (errorCode(error) !== 'ND-STATE-DAMAGED') throw error;
    const aside = await setAside(file);
    return `${basename(file)} was damaged and is now ${aside}; ${consequence}`;
  }
}

/** The agent has it in memory, so a file that is damaged or gone is written anew. */
async function mendRecord({ folder, record }: LocalService): Promise<string | undefined> {
  const file = recordFile(folder);
  const aside = await asideIfDamaged(file, () => readRecord(folder), 'it was written anew from what is in force');
  if (aside === undefined && await readRecord(folder) !== undefined) return undefined;
  await writeRecord(folder, record);
  return aside ?? 'service.json was gone; it was written anew from what is in force';
}

/** An earlier agent may still forward to what nobody here knows. */
async function gathered({ supervisor, host }: LocalService): Promise<readonly string[]> {
  await host.predecessorGone;
  return supervisor.gather();
}

async function mendReleases({ folder, state }: LocalService): Promise<readonly string[]> {
  return damagedReleases(join(folder, 'releases'), (id) => state.releases.get(id));
}

/** Moves records of releases aside that cannot be read, each of which would stop every change. */
export async function damagedReleases(folder: string, get: (id: string) => Promise<unknown>): Promise<readonly string[]> {
  const lines: string[] = [];
  for (const name of (await names(folder)).filter((each) => each.endsWith('.json'))) {
    const id = name.slice(0, -'.json'.length);
    const line = await asideIfDamaged(join(folder, name), () => get(id), `release ${id} can neither be started again nor rolled back to`);
    if (line !== undefined) lines.push(line);
  }
  return lines;
}

/** What a process that was killed had not finished. Whoever calls this holds the lock, so nobody is at work here. */
async function tidy(folder: string): Promise<string | undefined> {
  const own = new RegExp(`\\.${process.pid}\\.[0-9a-f]+\\.tmp$`);
  const stale = [
    ...await find(join(folder, 'app'), (name) => /^\..*\.building$|\.removed-\d+$/.test(name)),
    ...(await Promise.all(['', 'releases', 'config', 'ledger'].map((part) => find(join(folder, part), (name) => /\.\d+\.[0-9a-f]+\.tmp$/.test(name) && !own.test(name))))).flat(),
  ];
  for (const path of stale) await rm(path, { recursive: true, force: true });
  return stale.length === 0 ? undefined : `removed ${stale.length} unfinished ${stale.length === 1 ? 'file or folder' : 'files and folders'}: ${stale.map((path) => basename(path)).join(', ')}`;
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
