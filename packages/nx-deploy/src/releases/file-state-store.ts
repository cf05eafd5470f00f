/** The state of one service and environment as files below one folder. */
import { RELEASE_ID_PATTERN, type Release } from '../model/index.js';
import { damaged } from './atomic-file.js';
import { ledgerIn } from './ledger.js';
import { nodeFiles } from './node-files.js';
import { keyAt, sealedConfigIn } from './sealed-config.js';
import { hasText, isEachOf, isFleet, isObject, isReleaseShape, isWhole } from './shape.js';
import { readStateIn, type StateFiles, type StatePath } from './state-files.js';
import { STATE_SCHEMA, type HookRecord, type HookRecords, type Journal, type JournalRecord, type Lock, type ReleaseRecords, type StateStore } from './state-store.js';

export interface StateOptions {
  /** Of this service and environment. */
  readonly files: StateFiles;
  /** Key of the whole target. */
  readonly key: StatePath;
  readonly lock: Lock;
  /** Does anything outside the ledger show that it had entries? Default: nothing does. */
  readonly written?: () => boolean;
}

export interface FileStateOptions extends Pick<StateOptions, 'lock' | 'written'> {
  /** Folder of this service and environment, on this machine. */
  readonly folder: string;
  readonly keyFile: string;
}

export function fileStateStore({ folder, keyFile, ...rest }: FileStateOptions): StateStore {
  return stateStoreIn({ ...rest, files: nodeFiles(folder), key: keyAt(keyFile) });
}

export function stateStoreIn({ files, key, lock, written }: StateOptions): StateStore {
  return {
    ledger: ledgerIn(files.below('ledger'), written === undefined ? {} : { written }),
    journal: fileJournal(files, 'journal.json'),
    hook: fileHook(files, 'hook.json'),
    lock,
    config: sealedConfigIn(files.below('config'), key),
    releases: fileReleases(files.below('releases')),
  };
}

function fileJournal(files: StateFiles, path: string): Journal {
  return {
    read: () => readStateIn(files, path, isJournal),
    write: (record) => files.write(path, JSON.stringify(record)),
    clear: () => files.remove(path),
  };
}

function isJournal(value: object): value is JournalRecord {
  if (!isObject(value) || !hasText(value, ['run', 'action', 'startedAt']) || !isWhole(value['epoch'])) return false;
  const { effect, from, to, releases, paused } = value;
  return isObject(effect) && hasText(effect, ['kind', 'key']) && isFleet(from) && isFleet(to) && isEachOf(releases, isReleaseShape)
    && (paused === undefined || (isObject(paused) && hasText(paused, ['gate', 'since', 'expires']) && Array.isArray(paused['steps']) && isAnalysis(paused['analyse'])));
}

function isAnalysis(value: unknown): boolean {
  return value === undefined || (isObject(value) && Array.isArray(value['rules']) && value['rules'].every(isObject) && typeof value['minimum'] === 'number');
}

function fileHook(files: StateFiles, path: string): HookRecords {
  return {
    read: () => readStateIn(files, path, isHook),
    write: (record) => files.write(path, JSON.stringify(record)),
    clear: () => files.remove(path),
  };
}

function isHook(value: object): value is HookRecord {
  if (!isObject(value) || !hasText(value, ['run', 'hook', 'since'])) return false;
  const { process: started } = value;
  return started === undefined || (isObject(started) && isWhole(started['pid'], 2) && hasText(started, ['identity']));
}

type StoredRelease = Release & { readonly schema: typeof STATE_SCHEMA };

function isRelease(value: object): value is StoredRelease {
  return isReleaseShape(value);
}

function fileReleases(files: StateFiles): ReleaseRecords {
  const fileOf = (id: string): string => `${id}.json`;
  const get = async (id: string): Promise<Release | undefined> => {
    if (!RELEASE_ID_PATTERN.test(id)) return undefined;
    const stored = await readStateIn(files, fileOf(id), isRelease);
    if (stored === undefined) return undefined;
    if (stored.id !== id) throw damaged(files.where(fileOf(id)), `it holds release ${JSON.stringify(stored.id)}`);
    const { schema: _schema, ...release } = stored;
    return release;
  };
  return {
    put: (release) => files.write(fileOf(release.id), JSON.stringify({ schema: STATE_SCHEMA, ...release } satisfies StoredRelease)),
    get,
    async list() {
      const ids = (await files.names('')).filter((name) => name.endsWith('.json')).map((name) => name.slice(0, -'.json'.length)).sort();
      return (await Promise.all(ids.map(get))).filter((release): release is Release => release !== undefined);
    },
    remove: (id) => files.remove(fileOf(id)),
  };
}
