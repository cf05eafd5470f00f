/** Whom secrets are encrypted for: public keys in a file of the repository, in the format of `age -R`. */
import { join } from 'node:path';
import { ENVIRONMENTS_FOLDER } from '../environment-name.js';
import { EnvSyncError } from '../errors.js';
import { shownPath } from '../files/paths.js';
import { readTextFile } from '../read-file.js';
import { isRecipient, recipientOf } from './age.js';
import { makeOwnIdentity, readIdentities, type IdentityPlace } from './identities.js';

export const RECIPIENTS_FILE = '.age-recipients';

export interface Recipients {
  /** Absolute path of the file. */
  readonly path: string;
  /** Relative to the workspace. */
  readonly file: string;
  readonly keys: readonly string[];
  readonly text: string;
}

/** The recipients of a folder (the workspace's or a project's): those of its own file, else those of the workspace. undefined when there is neither. */
export async function findRecipients(root: string, workspaceRoot: string): Promise<Recipients | undefined> {
  for (const folder of new Set([root, workspaceRoot])) {
    const path = join(folder, ENVIRONMENTS_FOLDER, RECIPIENTS_FILE);
    const file = await readTextFile(path);
    if (file.state === 'read') return parse(file.text, path, workspaceRoot);
    if (file.state === 'unreadable') throw new EnvSyncError('refused', { what: `the file of recipients ${file.what}`, where: shownPath(path, workspaceRoot) });
  }
  return undefined;
}

/** The same, where there must be some. */
export async function recipientsOf(root: string, workspaceRoot: string): Promise<Recipients> {
  const found = await findRecipients(root, workspaceRoot);
  if (found !== undefined) return found;
  throw new EnvSyncError('refused', {
    what: 'there is nobody to encrypt secrets for', where: shownPath(join(workspaceRoot, ENVIRONMENTS_FOLDER, RECIPIENTS_FILE), workspaceRoot), why: 'the file of recipients does not exist',
    next: 'run "nx-env-sync secrets keygen --add", or write one public key of age a line into it',
  });
}

export interface Readers {
  readonly keys: readonly string[];
  /** File of a key that was made just now, because there was none at all. */
  readonly made?: string;
}

/**
 * Whom backups and the records of syncs are encrypted for: the recipients of the folder; where there are none, whoever runs the command, whose own key is
 * made when it is needed first. So a backup can be had before anybody has thought about keys.
 */
export async function readersOf(root: string, place: IdentityPlace): Promise<Readers> {
  const found = await findRecipients(root, place.workspaceRoot);
  if (found !== undefined) return { keys: found.keys };
  const identities = await readIdentities({}, place);
  if (identities.length > 0) return { keys: await Promise.all(identities.map(recipientOf)) };
  const { recipient, file } = await makeOwnIdentity(place.variables);
  return { keys: [recipient], made: file };
}

async function parse(text: string, path: string, workspaceRoot: string): Promise<Recipients> {
  const file = shownPath(path, workspaceRoot);
  const lines = text.replace(/^\ufeff/, '').split(/\r?\n/).map((line) => line.trim());
  const keys = lines.flatMap((key, index) => (key === '' || key.startsWith('#') ? [] : [{ key, line: index + 1 }]));
  const valid = await Promise.all(keys.map(async ({ key }) => isRecipient(key)));
  const problems = keys.filter((_, index) => valid[index] === false).map(({ key, line }) => `${file}:${line}: ${flawOf(key)}`);
  if (problems.length > 0) throw new EnvSyncError('refused', { what: 'the file of recipients is not valid', where: file, problems, next: 'correct it; nothing was encrypted or changed' });
  if (keys.length === 0) throw new EnvSyncError('refused', { what: 'there is nobody to encrypt for', where: file, why: 'the file of recipients names no key', next: 'add one public key of age a line' });
  return { path, file, keys: [...new Set(keys.map(({ key }) => key))], text };
}

/** A secret key that stands among the public ones is told, and not shown. */
export function flawOf(key: string): string {
  if (key.toUpperCase().startsWith('AGE-SECRET-KEY-')) return 'is a SECRET key: it must not be in the repository. Remove it, make a new key, and rotate';
  if (key.startsWith('ssh-')) return 'keys of ssh are not supported; use one of age';
  return 'is no public key of age, which begins with age1';
}
