import type { Archive } from '../backup/archive.js';
import { chooseBackup, listBackups, openBackup, takeBackup } from '../backup/backups.js';
import { editTexts } from '../edit/own-edit.js';
import { EnvSyncError } from '../errors.js';
import { withLock } from '../storage/lock.js';
import { ownFiles } from '../storage/own-files.js';
import { readOwnTexts, textOf, valuesOf, writeOwnTexts, type OwnTexts, type OwnValue } from '../storage/own-texts.js';
import { printable } from '../problem.js';
import { decodeText } from '../read-file.js';
import { decryptText, identitiesOnce, type Identities } from '../secrets/secrets-file.js';
import { checkEnvironmentName } from '../stores/environment-store.js';
import type { Place } from '../stores/store.js';
import { suggest } from '../suggest.js';
import { counted, table, type Answer } from './answer.js';
import { keyLines } from './backup.js';
import { confirmChange, type Consent } from './confirm.js';

export interface RestoreCommand extends Consent {
  readonly environment: string;
  /** First digits of an id, or `latest`. */
  readonly backup: string;
  /** These alone; without any, everything. */
  readonly keys: readonly string[];
  readonly dryRun?: boolean;
}

type Change = readonly [key: string, what: 'set' | 'changed' | 'removed'];

/** Brings an environment's own files, or single keys of them, back to what a backup holds; what they held is backed up before. */
export async function restore(command: RestoreCommand, place: Place): Promise<Answer> {
  const { environment, keys } = command;
  checkEnvironmentName(environment);
  const work = async (): Promise<Answer> => {
    const files = ownFiles(environment, place);
    const identities = identitiesOnce({}, place);
    const record = chooseBackup(await listBackups(environment, place), command.backup, environment);
    const [wanted, before] = [await textsIn(await openBackup(record, environment, place), identities), await readOwnTexts(files, identities)];
    const [then, now] = [valuesOf(wanted, files), valuesOf(before, files)];
    refuseUnknown(keys, then, now, record.id);
    const after = keys.length === 0 ? wanted : editTexts(before, keys.map((key) => ({ key, value: then.get(key)?.value, secret: then.get(key)?.secret ?? false })));
    const changes = changesOf(now, valuesOf(after, files));
    const same = after.plain === before.plain && after.secrets === before.secrets;
    const what = `${environment} from backup ${record.id} of ${record.takenAt.toISOString()}`;
    const document = { environment, backup: record.id, dryRun: command.dryRun === true, changes: changes.map(([key, change]) => ({ key, change })) };
    const rows = changes.length === 0 ? [] : table([['KEY', 'CHANGE'], ...changes]);
    if (same) return { success: true, lines: [`${what}: nothing to restore`], document: { ...document, files: [] } };
    if (command.dryRun === true) return { success: true, lines: [...rows, `${what}: ${counted(changes.length, 'key')} would change; nothing was changed`], document: { ...document, files: [] } };
    await confirmChange(environment, 'restore it', command, place);
    const taken = before.plain === undefined && before.secrets === undefined ? undefined : await takeBackup(environment, `before env-restore of ${record.id}`, place);
    const written = await writeOwnTexts(files, before, after, place.workspaceRoot);
    return {
      success: true,
      lines: [...(taken === undefined ? [] : keyLines(taken)), ...rows, `${what}: restored ${counted(changes.length, 'key')} in ${written.join(' and ')}`, ...(taken === undefined ? [] : [`backup of what was there: ${taken.id}`])],
      document: { ...document, files: written, ...(taken === undefined ? {} : { before: taken.id }) },
    };
  };
  return command.dryRun === true ? work() : withLock(place.workspaceRoot, `env-restore of ${environment}`, work);
}

/** The secrets of a backup are encrypted for those of then; what is restored is encrypted for those of now. */
async function textsIn({ plain, secrets }: Archive, identities: Identities): Promise<OwnTexts> {
  return {
    plain: plain === undefined ? undefined : textOf(decodeText(plain), 'the plain file in the backup'),
    secrets: secrets === undefined ? undefined : textOf(await decryptText(secrets, identities), 'the file of secrets in the backup'),
  };
}

function refuseUnknown(keys: readonly string[], then: ReadonlyMap<string, OwnValue>, now: ReadonlyMap<string, OwnValue>, id: string): void {
  const known = [...new Set([...then.keys(), ...now.keys()])];
  const problems = keys.filter((key) => !known.includes(key)).map((key) => {
    const near = suggest(key, known);
    return `${printable(key, 64)}${near === undefined ? '' : `: did you mean ${near}?`}`;
  });
  if (problems.length > 0) throw new EnvSyncError('refused', { what: `neither the backup ${id} nor the environment has the key`, problems, next: 'nothing was changed' });
}

function changesOf(before: ReadonlyMap<string, OwnValue>, after: ReadonlyMap<string, OwnValue>): Change[] {
  return [...new Set([...before.keys(), ...after.keys()])].sort().flatMap((key): Change[] => {
    const [old, now] = [before.get(key)?.value, after.get(key)?.value];
    if (old === now) return [];
    return [[key, old === undefined ? 'set' : now === undefined ? 'removed' : 'changed']];
  });
}
