import { chooseBackup, listBackups, openBackup, pruneBackups, takeBackup, type BackupRecord, type Retention } from '../backup/backups.js';
import { EnvSyncError } from '../errors.js';
import { withLock } from '../storage/lock.js';
import { checkEnvironmentName } from '../stores/environment-store.js';
import type { Place } from '../stores/store.js';
import { counted, table, type Answer } from './answer.js';

export interface BackupCommand {
  readonly environment: string;
  /** Says which there are instead of taking one. */
  readonly list?: boolean;
  /** Reads each (or the one named by `backup`) whole instead of taking one. */
  readonly verify?: boolean;
  readonly backup?: string;
  /** Limits of what stays; see {@link retentionOf}. */
  readonly keep?: number;
  readonly days?: number;
}

const RETENTION_VARIABLE = 'BACKUP_RETENTION_DAYS';
const KEPT: Retention = { count: 50, days: 90 };
const MOST_DAYS = 36_500;

/** Options first, then the variable, then 50 backups and 90 days. */
export function retentionOf({ keep, days }: Pick<BackupCommand, 'keep' | 'days'>, variables: NodeJS.ProcessEnv): Retention {
  const text = variables[RETENTION_VARIABLE] ?? '';
  if (text !== '' && !(/^[1-9]\d{0,5}$/.test(text) && Number(text) <= MOST_DAYS)) {
    throw new EnvSyncError('refused', { what: `the variable ${RETENTION_VARIABLE} is no number of days`, next: `set it to a whole number from 1 to ${MOST_DAYS}` });
  }
  return { count: keep ?? KEPT.count, days: days ?? (text === '' ? KEPT.days : Number(text)) };
}

/** Takes a backup of the environment's files and removes those that are too many or too old; or lists, or verifies. */
export async function backup(command: BackupCommand, place: Place): Promise<Answer> {
  const { environment } = command;
  checkEnvironmentName(environment);
  if (command.verify === true) return verifyBackups(command, place);
  if (command.backup !== undefined) throw new EnvSyncError('refused', { what: '--backup names what is verified', next: 'add --verify, or leave it out' });
  if (command.list === true) return listAnswer(environment, await listBackups(environment, place));
  const retention = retentionOf(command, place.variables);
  return withLock(place.workspaceRoot, `env-backup of ${environment}`, async () => {
    const taken = await takeBackup(environment, 'env-backup', place);
    const removed = await pruneBackups(await listBackups(environment, place), retention);
    return {
      success: true,
      lines: [...keyLines(taken), `backup ${taken.id} of ${environment}: ${taken.file}`, ...(removed.length === 0 ? [] : [`removed ${counted(removed.length, 'earlier backup')}`])],
      document: { environment, id: taken.id, file: taken.file, bytes: taken.bytes, removed: removed.map(({ id }) => id) },
    };
  });
}

/** A key that was made on the way must not be lost without anybody knowing of it. */
export function keyLines({ madeKey }: { readonly madeKey?: string }): string[] {
  return madeKey === undefined ? [] : [`made a secret key, since there was none: ${madeKey}`, '  without it the backups cannot be read; keep a copy of it elsewhere'];
}

function listAnswer(environment: string, backups: readonly BackupRecord[]): Answer {
  const rows = backups.map(({ id, takenAt, file }) => [id, takenAt.toISOString(), file]);
  return {
    success: true,
    lines: [...(rows.length === 0 ? [] : table([['ID', 'TAKEN', 'FILE'], ...rows])), `${counted(backups.length, 'backup')} of ${environment}`],
    document: { environment, backups: backups.map(({ id, takenAt, file }) => ({ id, takenAt, file })) },
  };
}

async function verifyBackups({ environment, backup: wanted }: BackupCommand, place: Place): Promise<Answer> {
  const all = await listBackups(environment, place);
  const chosen = wanted === undefined ? all : [chooseBackup(all, wanted, environment)];
  const states: { id: string; takenAt: Date; state: string; whole: boolean }[] = [];
  for (const record of chosen) states.push({ id: record.id, takenAt: record.takenAt, ...await stateOf(record, environment, place) });
  const bad = states.filter(({ whole }) => !whole).length;
  return {
    success: bad === 0,
    lines: [
      ...(states.length === 0 ? [] : table([['ID', 'TAKEN', 'STATE'], ...states.map(({ id, takenAt, state }) => [id, takenAt.toISOString(), state])])),
      bad === 0 ? `${counted(states.length, 'backup')} of ${environment}: whole` : `error: ${bad} of ${counted(states.length, 'backup')} of ${environment} cannot be restored`,
    ],
    document: { environment, backups: states },
  };
}

async function stateOf(record: BackupRecord, environment: string, place: Place): Promise<{ state: string; whole: boolean }> {
  try {
    return { state: `whole: ${(await openBackup(record, environment, place)).reason}`, whole: true };
  } catch (error) {
    if (error instanceof EnvSyncError) return { state: error.parts.what, whole: false };
    throw error;
  }
}
