/** From what a person names to the store that is meant. */
import { checkEnvironmentName, environmentStore } from './environment-store.js';
import { filesStore } from './files-store.js';
import type { EnvStore, Place } from './store.js';

export interface OpenedStore {
  readonly store: EnvStore;
  /** Set where the store is an environment of the project's own files: what is protected and backed up. */
  readonly environment?: string;
}

/** Opens two stores whose contents can be compared: nothing is read yet. */
export async function openStores([left, right]: readonly [string, string], place: Place): Promise<readonly [EnvStore, EnvStore]> {
  const [first, second] = [left, right].map((name) => {
    checkEnvironmentName(name);
    return environmentStore(name, place);
  }) as [EnvStore, EnvStore];
  return [first, second];
}

/** Opens what a sync reads or writes: of an environment the project's own files, and nothing that it inherits. */
export async function openOwn(name: string, place: Place): Promise<OpenedStore> {
  checkEnvironmentName(name);
  return { store: filesStore(name, place), environment: name };
}
