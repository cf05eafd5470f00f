/** The state of one service and environment as files below one folder. */
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { RELEASE_ID_PATTERN, type Release } from '../model/index.js';
import { damaged, isMissing, PRIVATE_FOLDER, readError, readState, writeAtomically } from './atomic-file.js';
import { fileLedger } from './ledger.js';
import { fileSealedConfig } from './sealed-config.js';
import { hasText, isEachOf, isFleet, isObject, isReleaseShape, isWhole } from './shape.js';
import { STATE_SCHEMA, type HookRecord, type HookRecords, type Journal, type JournalRecord, type Lock, type ReleaseRecords, type StateStore } from './state-store.js';

export interface FileStateOptions {
  /** Folder of this service and environment. */
  readonly folder: string;
  /** Key of the whole target. */
  readonly keyFile: string;
  readonly lock: Lock;
  /** Does anything outside the ledger show that it had entries? Default: nothing does. */
  readonly written?: () => boolean;
}

export function fileStateStore(options: FileStateOptions): StateStore {
  const { folder, written } = options;
  return {
    ledger: fileLedger(join(folder, 'ledger'), written === undefined ? {} : { written }),
    journal: fileJournal(join(folder, 'journal.json')),
    hook: fileHook(join(folder, 'hook.json')),
    lock: options.lock,
    config: fileSealedConfig(join(folder, 'config'), options.keyFile),
    releases: fileReleases(join(folder, 'releases')),
  };
}

function fileJournal(file: string): Journal {
  return {
    read: () => readState(file, isJournal),
    write: (record) => writeAtomically(file, JSON.stringify(record)),
    clear: () => rm(file, { force: true }),
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

function fileHook(file: string): HookRecords {
  return {
    read: () => readState(file, isHook),
    write: (record) => writeAtomically(file, JSON.stringify(record)),
    clear: () => rm(file, { force: true }),
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

function fileReleases(folder: string): ReleaseRecords {
  const fileOf = (id: string): string => join(folder, `${id}.json`);
  const get = async (id: string): Promise<Release | undefined> => {
    if (!RELEASE_ID_PATTERN.test(id)) return undefined;
    const stored = await readState(fileOf(id), isRelease);
    if (stored === undefined) return undefined;
    if (stored.id !== id) throw damaged(fileOf(id), `it holds release ${JSON.stringify(stored.id)}`);
    const { schema: _schema, ...release } = stored;
    return release;
  };
  return {
    async put(release) {
      await mkdir(folder, { recursive: true, mode: PRIVATE_FOLDER });
      await writeAtomically(fileOf(release.id), JSON.stringify({ schema: STATE_SCHEMA, ...release } satisfies StoredRelease));
    },
    get,
    async list() {
      const names = await readdir(folder).catch((error: unknown) => {
        if (isMissing(error)) return [];
        throw readError(error, folder);
      });
      const ids = names.filter((name) => name.endsWith('.json')).map((name) => name.slice(0, -'.json'.length)).sort();
      return (await Promise.all(ids.map(get))).filter((release): release is Release => release !== undefined);
    },
    remove: (id) => rm(fileOf(id), { force: true }),
  };
}
