/** Who may read the secrets: the files that one file of recipients is for, and their change to others. */
import { readdir } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { ENVIRONMENTS_FOLDER, SECRETS_EXTENSION } from '../environment-name.js';
import { EnvSyncError, errorCode } from '../errors.js';
import { shownPath } from '../files/paths.js';
import { replaceFile } from '../files/replace-file.js';
import { LARGEST_FILE, readWholeFile } from '../read-file.js';
import { recipientOf } from './age.js';
import { RECIPIENTS_FILE, type Recipients } from './recipients.js';
import { decryptText, writeSecretsFile, type Identities } from './secrets-file.js';

/** Folders that are made or belong to others. */
const PASSED_OVER = new Set(['node_modules', 'dist', 'coverage', 'tmp']);
const DEEPEST = 12;

/** All files that the recipients of this file can read, sorted: secrets, and what syncs left. A project with recipients of its own is left out. */
export async function coveredFiles({ path }: Recipients, workspaceRoot: string): Promise<readonly string[]> {
  const own = dirname(path);
  const folders = own === join(workspaceRoot, ENVIRONMENTS_FOLDER) ? await environmentFolders(workspaceRoot, 0) : [own];
  const listed = await Promise.all(folders.map(async (folder) => {
    const names = await entries(folder);
    if (folder !== own && names.includes(RECIPIENTS_FILE)) return [];
    const left = (await entries(join(folder, '.sync'))).filter((name) => name.endsWith('.age')).map((name) => join(folder, '.sync', name));
    return [...names.filter((name) => name.endsWith(SECRETS_EXTENSION) && !name.startsWith('.')).map((name) => join(folder, name)), ...left];
  }));
  return listed.flat().sort();
}

async function environmentFolders(folder: string, depth: number): Promise<string[]> {
  const found = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const below = found.filter((entry) => entry.isDirectory() && !entry.name.startsWith('.') && !PASSED_OVER.has(entry.name));
  const deeper = depth === DEEPEST ? [] : await Promise.all(below.filter(({ name }) => name !== ENVIRONMENTS_FOLDER).map(async ({ name }) => environmentFolders(join(folder, name), depth + 1)));
  return [...below.filter(({ name }) => name === ENVIRONMENTS_FOLDER).map(({ name }) => join(folder, name)), ...deeper.flat()];
}

async function entries(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}

export interface Rotation {
  readonly recipients: Recipients;
  /** Whom all is encrypted for afterwards. */
  readonly keys: readonly string[];
  /** Text of the file of recipients afterwards. */
  readonly text: string;
}

/**
 * Encrypts all files again. Everything is read before anything is written, and the file of recipients is written last: a rotation that was killed is done
 * again by the same command.
 * @returns the files that were written, as shown to people.
 */
export async function rotate({ recipients, keys, text }: Rotation, identities: Identities, workspaceRoot: string): Promise<readonly string[]> {
  const own = await Promise.all((await identities()).map(recipientOf));
  if (!own.some((key) => keys.includes(key))) {
    throw new EnvSyncError('refused', { what: 'none of the recipients would be yours', where: recipients.file, why: 'you could not read the secrets that you encrypt', next: 'leave yourself in, or have somebody else do it; nothing was changed' });
  }
  const files = await coveredFiles(recipients, workspaceRoot);
  const read = await Promise.all(files.map(async (path) => ({ path, file: await opened(path, identities) })));
  const problems = read.flatMap(({ path, file }) => (file.state === 'read' ? [] : [`${shownPath(path, workspaceRoot)} ${file.what}`]));
  if (problems.length > 0) throw new EnvSyncError('refused', { what: 'not everything can be encrypted again', problems, next: 'use a secret key that reads all of them; nothing was changed' });
  for (const { path, file } of read) if (file.state === 'read') await writeSecretsFile(path, file.text, keys);
  await replaceFile({ path: recipients.path, content: text });
  return [...files.map((path) => shownPath(path, workspaceRoot)), relative(workspaceRoot, recipients.path)];
}

async function opened(path: string, identities: Identities): Promise<{ state: 'read'; text: string } | { state: 'unreadable'; what: string }> {
  const file = await readWholeFile(path, 2 * LARGEST_FILE);
  const text = file.state === 'read' ? await decryptText(file.bytes, identities) : file;
  return text.state === 'missing' ? { state: 'unreadable', what: 'is gone' } : text;
}
