/** Backups of an environment: files that age encrypts, named by time and by the digest of what is in them. */
import { createHash } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { EnvSyncError, errorCode } from '../errors.js';
import { ownFiles, type OwnFiles } from '../storage/own-files.js';
import { shownPath } from '../files/paths.js';
import { PRIVATE_FILE, replaceFile } from '../files/replace-file.js';
import { stateFolder, STATE_FOLDER } from '../storage/state-folder.js';
import { printable } from '../problem.js';
import { LARGEST_FILE, readWholeFile } from '../read-file.js';
import { decrypt, encrypt } from '../secrets/age.js';
import { readIdentities } from '../secrets/identities.js';
import { readersOf } from '../secrets/recipients.js';
import type { Place } from '../stores/store.js';
import { LARGEST_BACKUP, readArchive, writeArchive, type Archive } from './archive.js';

export interface BackupRecord {
  /** What a restore takes: the first 16 digits of the digest. */
  readonly id: string;
  /** SHA-256 of the encrypted file: its address, and what shows that it is damaged. */
  readonly digest: string;
  /** Absolute, and as shown to people. */
  readonly path: string;
  readonly file: string;
  readonly takenAt: Date;
}

export interface TakenBackup extends BackupRecord {
  readonly bytes: number;
  /** File of the key that was made for it, where nobody had one. */
  readonly madeKey?: string;
}

const NAME = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d\.\d{3})Z-([0-9a-f]{64})\.age$/;
const ID_DIGITS = 16;

/** A folder for each project and environment; a name of a folder holds no separator. */
function folderOf(files: OwnFiles, { projectRoot, workspaceRoot }: Place): string {
  return join(workspaceRoot, STATE_FOLDER, 'backups', projectRoot === '.' ? '%2E' : encodeURIComponent(projectRoot), files.environment);
}

/** Encrypts the environment's files as they are, and returns when that is on the disk. */
export async function takeBackup(environment: string, reason: string, place: Place): Promise<TakenBackup> {
  const files = ownFiles(environment, place);
  const [plain, secrets] = await Promise.all([contentOf(files.plain, files.shown.plain, LARGEST_FILE), contentOf(files.secrets, files.shown.secrets, 2 * LARGEST_FILE)]);
  if (plain === undefined && secrets === undefined) {
    throw new EnvSyncError('refused', { what: `there is nothing of ${environment} to back up`, why: `neither ${files.shown.plain} nor ${files.shown.secrets} exists`, next: 'name an environment that has a file' });
  }
  const takenAt = new Date();
  const { keys, made } = await readersOf(files.root, place);
  const bytes = await encrypt(writeArchive({ environment, project: place.projectRoot, takenAt, reason, plain, secrets }), keys);
  const digest = createHash('sha256').update(bytes).digest('hex');
  await stateFolder(place.workspaceRoot);
  const path = join(folderOf(files, place), `${takenAt.toISOString().replace(/[-:]/g, '')}-${digest}.age`);
  await replaceFile({ path, content: bytes, mode: PRIVATE_FILE });
  return { id: digest.slice(0, ID_DIGITS), digest, path, file: shownPath(path, place.workspaceRoot), takenAt, bytes: bytes.length, ...(made === undefined ? {} : { madeKey: made }) };
}

async function contentOf(path: string, shown: string, largest: number): Promise<Buffer | undefined> {
  const file = await readWholeFile(path, largest);
  if (file.state === 'unreadable') throw new EnvSyncError('refused', { what: `the file ${file.what}`, where: shown, next: 'correct that; nothing was changed' });
  return file.state === 'read' ? file.bytes : undefined;
}

/** The newest first. Files of other names are none of ours. */
export async function listBackups(environment: string, place: Place): Promise<BackupRecord[]> {
  const folder = folderOf(ownFiles(environment, place), place);
  const names = await readdir(folder).catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  });
  return names.sort().reverse().flatMap((name) => {
    const [, year, month, day, hour, minute, second, digest] = NAME.exec(name) ?? [];
    if (digest === undefined) return [];
    const path = join(folder, name);
    return [{ id: digest.slice(0, ID_DIGITS), digest, path, file: shownPath(path, place.workspaceRoot), takenAt: new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`) }];
  });
}

/** The one that is meant by `latest`, or by the first digits of its id. */
export function chooseBackup(backups: readonly BackupRecord[], wanted: string, environment: string): BackupRecord {
  const [newest] = backups;
  if (newest === undefined) throw new EnvSyncError('refused', { what: `there is no backup of ${environment}`, next: 'env-backup takes one, and so does each env-sync before it changes something' });
  if (wanted === 'latest') return newest;
  const found = /^[0-9a-f]{4,64}$/.test(wanted) ? backups.filter(({ digest }) => digest.startsWith(wanted)) : [];
  const [first, ...others] = found;
  if (first !== undefined && others.length === 0) return first;
  const what = first === undefined ? 'there is no backup' : 'there are several backups whose id begins with';
  throw new EnvSyncError('refused', { what: `${what} ${printable(wanted, 64)} of ${environment}`, next: `name one of: ${backups.slice(0, 20).map(({ id }) => id).join(', ')}; or latest` });
}

/** Reads a backup whole. @throws EnvSyncError that names the file when it is damaged, foreign or cannot be decrypted. */
export async function openBackup({ path, file, digest, takenAt }: BackupRecord, environment: string, place: Place): Promise<Archive> {
  const refused = (what: string, next = 'use another backup; nothing was changed'): EnvSyncError => new EnvSyncError('refused', { what: `the backup ${what}`, where: file, next });
  const found = await readWholeFile(path, LARGEST_BACKUP);
  if (found.state !== 'read') throw refused(found.state === 'missing' ? 'is gone' : found.what);
  if (createHash('sha256').update(found.bytes).digest('hex') !== digest) throw refused('is damaged: it is not what its name says');
  const identities = await readIdentities({}, place);
  if (identities.length === 0) throw refused('is encrypted, and there is no secret key to read it with', 'name the key by NX_ENV_SYNC_IDENTITY_FILE, NX_ENV_SYNC_IDENTITY or NX_ENV_SYNC_IDENTITY_COMMAND');
  const opened = await decrypt(found.bytes, identities);
  if (opened.state === 'refused') throw refused(opened.what, 'use the secret key of one of its recipients; nothing was changed');
  const archive = readArchive(opened.bytes);
  if (archive === undefined) throw refused('holds something else than nx-env-sync writes');
  if (archive.environment !== environment || archive.project !== place.projectRoot || archive.takenAt.getTime() !== takenAt.getTime()) throw refused('was renamed or moved: it is of another environment, project or time');
  return archive;
}

export interface Retention {
  /** So many of the newest stay. */
  readonly count: number;
  /** Older ones go. */
  readonly days: number;
}

const DAY = 24 * 60 * 60 * 1000;

/** Removes the backups that are beyond either limit, never the newest one. */
export async function pruneBackups(backups: readonly BackupRecord[], { count, days }: Retention, now = Date.now()): Promise<readonly BackupRecord[]> {
  const surplus = backups.filter(({ takenAt }, index) => index > 0 && (index >= count || now - takenAt.getTime() > days * DAY));
  for (const { path } of surplus) await rm(path, { force: true });
  return surplus;
}
