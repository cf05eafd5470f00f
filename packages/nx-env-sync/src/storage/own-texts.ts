/** The text of an environment's own files, read to be changed and written in one step each. */
import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { EnvSyncError } from '../errors.js';
import { parseEnvFile } from '../parse-env-file.js';
import { readTextFile, type FileText } from '../read-file.js';
import { recipientsOf } from '../secrets/recipients.js';
import { readSecretsFile, writeSecretsFile, type Identities } from '../secrets/secrets-file.js';
import { refuseUnread } from '../stores/environment-store.js';
import type { OwnFiles } from './own-files.js';
import { removeUnfinished, replaceFile, syncFolder } from '../files/replace-file.js';

/** undefined: there is no such file. Secrets are decrypted. */
export interface OwnTexts {
  readonly plain: string | undefined;
  readonly secrets: string | undefined;
}

/** @throws EnvSyncError when a file is there that cannot be read. */
export async function readOwnTexts(files: OwnFiles, identities: Identities): Promise<OwnTexts> {
  const [plain, secrets] = await Promise.all([readTextFile(files.plain), readSecretsFile(files.secrets, identities)]);
  return { plain: textOf(plain, files.shown.plain), secrets: textOf(secrets, files.shown.secrets) };
}

export function textOf(file: FileText, shown: string): string | undefined {
  if (file.state === 'unreadable') throw new EnvSyncError('refused', { what: `the file ${file.what}`, where: shown, next: 'correct that; nothing was changed' });
  return file.state === 'read' ? file.text : undefined;
}

export interface OwnValue {
  readonly value: string;
  readonly secret: boolean;
  /** `file:line`. */
  readonly source: string;
}

/** What both set; the plain file wins, as it does for a process. @throws EnvSyncError for text that is no assignment. */
export function valuesOf({ plain, secrets }: OwnTexts, { environment, shown }: Pick<OwnFiles, 'environment' | 'shown'>): ReadonlyMap<string, OwnValue> {
  const read = (text: string | undefined, file: string, secret: boolean): [string, OwnValue][] => {
    const { values, problems } = parseEnvFile(text ?? '', file);
    refuseUnread(environment, problems);
    return [...values].map(([key, { value, line }]) => [key, { value, secret, source: `${file}:${line}` }]);
  };
  return new Map([...read(secrets, shown.secrets, true), ...read(plain, shown.plain, false)].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/**
 * Writes what is to be different, for the holder of the lock. The secrets come first: a key that moves between the two is never in neither.
 * @returns the files that were changed, as shown to people.
 */
export async function writeOwnTexts(files: OwnFiles, before: OwnTexts, after: OwnTexts, workspaceRoot: string): Promise<readonly string[]> {
  const changed: string[] = [];
  for (const path of [files.secrets, files.plain]) await removeUnfinished(path);
  if (after.secrets !== before.secrets) {
    if (after.secrets === undefined) await removeFile(files.secrets);
    else await writeSecretsFile(files.secrets, after.secrets, (await recipientsOf(files.root, workspaceRoot)).keys);
    changed.push(files.shown.secrets);
  }
  if (after.plain !== before.plain) {
    if (after.plain === undefined) await removeFile(files.plain);
    else await replaceFile({ path: files.plain, content: after.plain });
    changed.push(files.shown.plain);
  }
  return changed;
}

async function removeFile(path: string): Promise<void> {
  await rm(path, { force: true });
  await syncFolder(dirname(path));
}
