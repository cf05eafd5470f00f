/** Puts right what is stored of a service: what cannot be read is moved aside, what nobody finished is removed. Whoever calls this holds the lock. */
import { errorCode } from '../errors.js';
import { UNFINISHED, type StateFiles, type StatePath } from './state-files.js';
import type { StateStore } from './state-store.js';

const LOST_KEY = 'another one takes its place, and values that were sealed under it cannot be read: what runs goes on, but starts again only when every service here was deployed again';
/** Folders of a service whose files are written anew and renamed. */
const PARTS = ['', 'releases', 'config', 'ledger'] as const;

/** @param files of the service; @param key of the whole target; one line for each thing that was done */
export async function mendState(state: StateStore, files: StateFiles, key: StatePath): Promise<readonly string[]> {
  const lines = [
    await asideIfDamaged(key, () => state.config.ref({ values: {}, secrets: [] }), LOST_KEY),
    await asideIfDamaged({ files, path: 'journal.json' }, () => state.journal.read(), 'what was under way is read off what runs'),
    await asideIfDamaged({ files, path: 'hook.json' }, () => state.hook.read(), 'a hook that an interrupted run left running is not known any more: look for it and end it'),
    ...await damagedReleases(files, (id) => state.releases.get(id)),
  ];
  return lines.filter((line) => line !== undefined);
}

/** Reads a file; one that is damaged is moved aside and told of. What a newer version wrote is refused. */
export async function asideIfDamaged({ files, path }: StatePath, read: () => Promise<unknown>, consequence: string): Promise<string | undefined> {
  try {
    await read();
    return undefined;
  } catch (error) {
    if (errorCode(error) !== 'ND-STATE-DAMAGED') throw error;
    const aside = await files.setAside(path);
    return `${path.split('/').at(-1) ?? ''} was damaged and is now ${aside}; ${consequence}`;
  }
}

/** Moves records of releases aside that cannot be read, each of which would stop every change. */
export async function damagedReleases(files: StateFiles, get: (id: string) => Promise<unknown>): Promise<readonly string[]> {
  const lines: string[] = [];
  for (const name of (await files.names('releases')).filter((each) => each.endsWith('.json'))) {
    const id = name.slice(0, -'.json'.length);
    const line = await asideIfDamaged({ files, path: `releases/${name}` }, () => get(id), `release ${id} can neither be started again nor rolled back to`);
    if (line !== undefined) lines.push(line);
  }
  return lines;
}

/** Paths of what a process that was killed had not finished. @param isOwn the name of what this process may be at */
export async function unfinishedFiles(files: StateFiles, isOwn: (name: string) => boolean = () => false): Promise<readonly string[]> {
  const found = await Promise.all(PARTS.map(async (part) => (await files.names(part)).filter((name) => UNFINISHED.test(name) && !isOwn(name)).map((name) => (part === '' ? name : `${part}/${name}`))));
  return found.flat();
}

export async function removeUnfinished(files: StateFiles): Promise<string | undefined> {
  const paths = await unfinishedFiles(files);
  for (const path of paths) await files.removeTree(path);
  return toldRemoved(paths);
}

export function toldRemoved(paths: readonly string[]): string | undefined {
  const names = paths.map((path) => path.split('/').at(-1) ?? '');
  return names.length === 0 ? undefined : `removed ${names.length} unfinished ${names.length === 1 ? 'file or folder' : 'files and folders'}: ${names.join(', ')}`;
}
