/** The one interface behind which environments are read and written: files, a vault's program, what runs on a platform. */

import { createHash } from 'node:crypto';
import type { KeyChange } from '../edit/own-edit.js';

/** What a store holds of one environment at one moment. */
export interface StoreContent {
  /** Sorted by key; every key is a name that a process can have. */
  readonly values: ReadonlyMap<string, string>;
  /** Keys that the store itself keeps as secrets (in an encrypted file, say). A schema may call more of them secret. */
  readonly secrets: ReadonlySet<string>;
  /** Where each value stands (`environments/staging.env:3`), as far as the store can tell. Plain ASCII. */
  readonly sources: ReadonlyMap<string, string>;
  /** Stands for everything that was read: {@link EnvStore.write} is refused when the store has another one by then. */
  readonly revision: string;
}

/** Where environments are kept. An error of a store names store, files and keys, and never holds a value. */
export interface EnvStore {
  /** As shown to people: `staging`, `vault:staging`, `running:staging`. Plain ASCII. */
  readonly name: string;
  /** true where the values are what a process gets, with nothing left to inherit or to replace. */
  readonly resolved?: true;
  /** @throws EnvSyncError with all that is wrong at once. */
  read(): Promise<StoreContent>;
  /**
   * All changes or none, as far as the store can: a file is replaced as a whole. A store that cannot be written to has no such verb.
   * @param expected the revision that was read.
   * @returns what was written, as shown to people.
   * @throws EnvSyncError when somebody else wrote meanwhile, or when a value cannot be kept there. Nothing is written then.
   */
  readonly write?: (changes: readonly KeyChange[], expected: string) => Promise<readonly string[]>;
}

/** Which environment is asked for, and from where. */
export interface Place {
  /** Absolute folder of the workspace. */
  readonly workspaceRoot: string;
  /** Folder of the project, relative to the workspace; `.` for the workspace itself. */
  readonly projectRoot: string;
  /** Empty for the workspace itself. */
  readonly projectName: string;
  /** Variables of the command: where the secret keys are. */
  readonly variables: NodeJS.ProcessEnv;
}

/** A revision of what was read, for stores that have none of their own. */
export function revisionOf(read: unknown): string {
  return createHash('sha256').update(JSON.stringify(read)).digest('hex');
}

/** What a module that is named as a store exports as `openStore`: it opens the store for one environment, and reads nothing yet. */
export type OpenStore = (query: StoreQuery) => Promise<EnvStore>;

export interface StoreQuery extends Place {
  readonly environment: string;
}
