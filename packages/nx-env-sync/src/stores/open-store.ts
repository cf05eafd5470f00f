/** From what a person names to the store that is meant: `staging`, `vault:staging`, `running:staging`, `backup:staging@0123`, `git:staging@HEAD~1`. */
import { EnvSyncError } from '../errors.js';
import { printable } from '../problem.js';
import { suggest } from '../suggest.js';
import { commandStore } from './command-store.js';
import { checkEnvironmentName, environmentStore } from './environment-store.js';
import { filesStore } from './files-store.js';
import { moduleStore } from './module-store.js';
import { backupStore, gitStore } from './past-stores.js';
import { programFileStore } from './program-files.js';
import type { EnvStore, Place, StoreQuery } from './store.js';
import { readStores, TAKEN_NAMES, type StoreDefinition } from './stores-file.js';

export interface OpenOptions {
  /** Module of the store `running`, where no stores.json describes one. */
  readonly runningModule?: string | undefined;
}

export interface OpenedStore {
  readonly store: EnvStore;
  /** Set where the store is an environment of the project's own files: what is protected and backed up. */
  readonly environment?: string;
}

/** What runs on a platform. */
export const RUNNING = 'running';

/**
 * Opens two stores whose contents can be compared; nothing is read yet. An environment is compared as a process gets it; with a store that knows nothing of
 * inheritance and defaults, as the project's own files say it.
 */
export async function openStores([left, right]: readonly [string, string], place: Place, options: OpenOptions): Promise<readonly [EnvStore, EnvStore]> {
  const [first, second] = await Promise.all([openOwn(left, place, options), openOwn(right, place, options)]);
  const resolved = [first, second].every(({ environment, store }) => environment !== undefined || store.resolved === true);
  const comparable = ({ environment, store }: OpenedStore): EnvStore => (resolved && environment !== undefined ? environmentStore(environment, place) : store);
  return [comparable(first), comparable(second)];
}

/** Opens what is read or written as it is: of an environment the project's own files, and nothing that it inherits. */
export async function openOwn(name: string, place: Place, { runningModule }: OpenOptions): Promise<OpenedStore> {
  const colon = name.indexOf(':');
  if (colon === -1) {
    checkEnvironmentName(name);
    return { store: filesStore(name, place), environment: name };
  }
  const [prefix, rest] = [name.slice(0, colon), name.slice(colon + 1)];
  if (prefix === 'backup') return { store: backupStore(rest, place) };
  if (prefix === 'git') return { store: gitStore(rest, place) };
  checkEnvironmentName(rest);
  const stores = await readStores(place);
  const definition = stores.get(prefix) ?? (prefix === RUNNING && runningModule !== undefined ? { type: 'module', module: runningModule } as const : undefined);
  if (definition === undefined) throw unknownStore(prefix, [...stores.keys(), ...(runningModule === undefined ? [] : [RUNNING]), ...TAKEN_NAMES]);
  return { store: await openDefined(name, definition, { ...place, environment: rest }) };
}

async function openDefined(name: string, definition: StoreDefinition, query: StoreQuery): Promise<EnvStore> {
  switch (definition.type) {
    case 'command': return commandStore(name, definition, query);
    case 'module': return moduleStore(definition.module, query);
    case 'sops':
    case 'dotenvx': return programFileStore(name, definition, query);
  }
}

function unknownStore(prefix: string, known: readonly string[]): EnvSyncError {
  const near = suggest(prefix, known);
  return new EnvSyncError('refused', {
    what: `there is no store ${printable(prefix, 64)}${near === undefined ? '' : `; did you mean ${near}?`}`, why: 'environments/stores.json does not describe it',
    next: `known: ${known.join(', ')}`,
  });
}
