/** What an environment's own files held at an earlier time: in a backup, or in a commit. They are read, never written. */
import { chooseBackup, listBackups, openBackup } from '../backup/backups.js';
import { EnvSyncError } from '../errors.js';
import { printable } from '../problem.js';
import { decodeText, LARGEST_FILE } from '../read-file.js';
import { decryptText, identitiesOnce } from '../secrets/secrets-file.js';
import { fileAt, noCommit } from '../shell/git.js';
import { ownFiles } from '../storage/own-files.js';
import { textOf, valuesOf } from '../storage/own-texts.js';
import { isReservedName } from '../reserved-names.js';
import { checkEnvironmentName } from './environment-store.js';
import { revisionOf, type EnvStore, type Place, type StoreContent } from './store.js';

interface Bytes { readonly plain: Buffer | undefined; readonly secrets: Buffer | undefined }

async function contentOf({ plain, secrets }: Bytes, name: string, environment: string, place: Place): Promise<StoreContent> {
  const texts = {
    plain: plain === undefined ? undefined : textOf(decodeText(plain), `${name}, plain file`),
    secrets: secrets === undefined ? undefined : textOf(await decryptText(secrets, identitiesOnce({}, place)), `${name}, file of secrets`),
  };
  const values = [...valuesOf(texts, { environment, shown: { plain: name, secrets: `${name} (secrets)` } })].filter(([key]) => !isReservedName(key));
  return {
    values: new Map(values.map(([key, { value }]) => [key, value])), secrets: new Set(values.filter(([, { secret }]) => secret).map(([key]) => key)),
    sources: new Map(values.map(([key, { source }]) => [key, source])), revision: revisionOf(texts),
  };
}

/** `<environment>`, or `<environment>@<id>`: the latest backup, or the one whose id begins so. */
export function backupStore(text: string, place: Place): EnvStore {
  const [environment, wanted] = parted(text);
  const name = `backup:${printable(text, 80)}`;
  return {
    name,
    async read() {
      const record = chooseBackup(await listBackups(environment, place), wanted ?? 'latest', environment);
      return contentOf(await openBackup(record, environment, place), name, environment, place);
    },
  };
}

/** `<environment>`, or `<environment>@<revision>`: as the last commit has it, or that of the revision. */
export function gitStore(text: string, place: Place): EnvStore {
  const [environment, revision = 'HEAD'] = parted(text);
  const name = `git:${printable(text, 80)}`;
  return {
    name,
    async read() {
      const files = ownFiles(environment, place);
      const why = await noCommit(revision, place.workspaceRoot, place.variables);
      if (why !== undefined) throw new EnvSyncError('refused', { what: `there is no commit ${printable(revision, 80)}`, why: `git ${why}`, next: 'name a commit, a branch or a tag of this repository' });
      const at = async (path: string, largest: number): Promise<Buffer | undefined> => fileAt(revision, path, { folder: place.workspaceRoot, variables: place.variables, largest });
      const [plain, secrets] = await Promise.all([at(files.plain, LARGEST_FILE), at(files.secrets, 2 * LARGEST_FILE)]);
      if (plain === undefined && secrets === undefined) throw new EnvSyncError('refused', { what: `the commit ${printable(revision, 80)} has no files of ${environment}`, where: files.shown.plain, next: 'name a commit that has one' });
      return contentOf({ plain, secrets }, name, environment, place);
    },
  };
}

function parted(text: string): readonly [environment: string, rest: string | undefined] {
  const at = text.indexOf('@');
  const environment = at === -1 ? text : text.slice(0, at);
  checkEnvironmentName(environment);
  return [environment, at === -1 ? undefined : text.slice(at + 1)];
}
