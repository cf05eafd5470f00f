import { editTexts } from '../edit/own-edit.js';
import { knownEnvironments } from '../environment-name.js';
import { EnvSyncError } from '../errors.js';
import { isReservedName } from '../reserved-names.js';
import { identitiesOnce } from '../secrets/secrets-file.js';
import { ownFiles } from '../storage/own-files.js';
import { readOwnTexts, valuesOf, writeOwnTexts } from '../storage/own-texts.js';
import { unknownEnvironment } from './environment-store.js';
import { revisionOf, type EnvStore, type Place } from './store.js';

/** An environment as the files of the project's own folder say it: nothing is inherited, nothing replaced. */
export function filesStore(environment: string, place: Place): EnvStore & Required<Pick<EnvStore, 'write'>> {
  const files = ownFiles(environment, place);
  const texts = async () => readOwnTexts(files, identitiesOnce({}, place));
  return {
    name: environment,
    async read() {
      if (!(await knownEnvironments(place)).includes(environment)) throw await unknownEnvironment(environment, place);
      const found = await texts();
      const values = [...valuesOf(found, files)].filter(([key]) => !isReservedName(key));
      return {
        values: new Map(values.map(([key, { value }]) => [key, value])),
        secrets: new Set(values.filter(([, { secret }]) => secret).map(([key]) => key)),
        sources: new Map(values.map(([key, { source }]) => [key, source])),
        revision: revisionOf(found),
      };
    },
    async write(changes, expected) {
      const found = await texts();
      if (revisionOf(found) !== expected) throw changedMeanwhile(environment);
      return writeOwnTexts(files, found, editTexts(found, changes), place.workspaceRoot);
    },
  };
}

export function changedMeanwhile(name: string): EnvSyncError {
  return new EnvSyncError('refused', { what: `${name} was changed by somebody else meanwhile`, next: 'run the command again; nothing was changed' });
}
