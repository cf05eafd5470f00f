/** From what a person names to the store that is meant. */
import { checkEnvironmentName, environmentStore } from './environment-store.js';
import type { EnvStore, Place } from './store.js';

/** Opens two stores whose contents can be compared: nothing is read yet. */
export async function openStores([left, right]: readonly [string, string], place: Place): Promise<readonly [EnvStore, EnvStore]> {
  return [openOne(left, place), openOne(right, place)];
}

function openOne(name: string, place: Place): EnvStore {
  checkEnvironmentName(name);
  return environmentStore(name, place);
}
