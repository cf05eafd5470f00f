import { join, resolve } from 'node:path';
import { editTexts, type KeyChange } from '../edit/own-edit.js';
import { ENVIRONMENTS_FOLDER } from '../environment-name.js';
import { EnvSyncError } from '../errors.js';
import { examineEnvironment } from '../examine-environment.js';
import { shownPath } from '../files/paths.js';
import { replaceFile } from '../files/replace-file.js';
import { printable } from '../problem.js';
import { isSecret } from '../schema.js';
import { isRecipient, recipientOf } from '../secrets/age.js';
import { makeOwnIdentity, readIdentities } from '../secrets/identities.js';
import { findRecipients, flawOf, RECIPIENTS_FILE, recipientsOf } from '../secrets/recipients.js';
import { rotate } from '../secrets/rotation.js';
import { identitiesOnce } from '../secrets/secrets-file.js';
import { checkEnvironmentName, unknownEnvironment } from '../stores/environment-store.js';
import type { Place } from '../stores/store.js';
import { withLock } from '../storage/lock.js';
import { ownFiles, type OwnFiles } from '../storage/own-files.js';
import { readOwnTexts, valuesOf, writeOwnTexts, type OwnTexts, type OwnValue } from '../storage/own-texts.js';
import { suggest } from '../suggest.js';
import { counted, table, type Answer } from './answer.js';

/** The secrets of one environment in the project's own folder, opened to be changed. */
interface Opened { readonly files: OwnFiles; readonly texts: OwnTexts; readonly values: ReadonlyMap<string, OwnValue> }

async function open(environment: string, place: Place): Promise<Opened> {
  checkEnvironmentName(environment);
  const files = ownFiles(environment, place);
  const texts = await readOwnTexts(files, identitiesOnce({}, place));
  return { files, texts, values: valuesOf(texts, files) };
}

/** Names of the keys in the encrypted file, and where they stand. */
export async function listSecrets(environment: string, place: Place): Promise<Answer> {
  const { files, texts, values } = await open(environment, place);
  if (texts.plain === undefined && texts.secrets === undefined) throw await unknownEnvironment(environment, place);
  const keys = [...values].filter(([, { secret }]) => secret);
  return {
    success: true,
    lines: [...(keys.length === 0 ? [] : table([['KEY', 'SET IN'], ...keys.map(([key, { source }]) => [key, source])])), `${counted(keys.length, 'secret')} in ${files.shown.secrets}`],
    document: { environment, file: files.shown.secrets, keys: keys.map(([key]) => key) },
  };
}

/** Sets one secret, or without a value removes it. */
export async function setSecret(environment: string, key: string, value: string | undefined, place: Place): Promise<Answer> {
  return withLock(place.workspaceRoot, `a change of the secrets of ${environment}`, async () => {
    const opened = await open(environment, place);
    if (value === undefined && opened.values.get(key)?.secret !== true) {
      const near = suggest(key, [...opened.values.keys()]);
      throw new EnvSyncError('refused', { what: `there is no secret ${printable(key, 64)} in ${environment}${near === undefined ? '' : `; did you mean ${near}?`}`, next: 'nothing was changed' });
    }
    return written(opened, [{ key, value, secret: true }], value === undefined ? 'removed' : 'set', place);
  });
}

/** Moves secrets that stand in plain text into the encrypted file: those named, else those that the schema calls secret. */
export async function encryptSecrets(environment: string, keys: readonly string[], place: Place): Promise<Answer> {
  return withLock(place.workspaceRoot, `a change of the secrets of ${environment}`, async () => {
    const opened = await open(environment, place);
    const { schema } = await examineEnvironment({ environment, ...place });
    const plain = [...opened.values].filter(([, { secret }]) => !secret);
    const missing = keys.filter((key) => !plain.some(([name]) => name === key));
    if (missing.length > 0) throw new EnvSyncError('refused', { what: `${missing.map((key) => printable(key, 64)).join(', ')}: not in ${opened.files.shown.plain}`, next: 'nothing was changed' });
    const called = (key: string): boolean => {
      const rule = schema.rules.get(key);
      return keys.length > 0 ? keys.includes(key) : rule !== undefined && isSecret(rule);
    };
    const changes = plain.filter(([key]) => called(key)).map(([key, { value }]) => ({ key, value, secret: true }));
    if (changes.length === 0) return { success: true, lines: [`no secret stands in plain text in ${opened.files.shown.plain}`], document: { environment, keys: [], files: [] } };
    const answer = await written(opened, changes, 'encrypted', place);
    return { ...answer, lines: [...answer.lines, '  what a repository has had in plain text is in its history: change those values'] };
  });
}

async function written({ files, texts }: Opened, changes: readonly KeyChange[], verb: string, place: Place): Promise<Answer> {
  const names = changes.map(({ key }) => key);
  const changed = await writeOwnTexts(files, texts, editTexts(texts, changes), place.workspaceRoot);
  return { success: true, lines: [`${verb} ${names.join(', ')}: ${changed.length === 0 ? 'it was so already' : changed.join(', ')}`], document: { environment: files.environment, keys: names, files: changed } };
}

/** Makes a secret key for whoever has none; with `add` its public part is added to the recipients, of which there may be none yet. */
export async function keygen(add: boolean, place: Place): Promise<Answer> {
  return withLock(place.workspaceRoot, 'a change of the recipients', async () => {
    const identities = await readIdentities({}, place);
    const made = identities.length === 0 ? await makeOwnIdentity(place.variables) : undefined;
    const recipient = made?.recipient ?? await recipientOf(identities[0] ?? '');
    const lines = made === undefined ? ['there is a secret key already; none was made'] : [`made a secret key: ${made.file}`, '  keep a copy of it elsewhere: without it nothing can be decrypted'];
    const document = { recipient, ...(made === undefined ? {} : { file: made.file }) };
    if (!add) return { success: true, lines: [...lines, `public key: ${recipient}`], document };
    const found = await findRecipients(resolve(place.workspaceRoot, place.projectRoot), place.workspaceRoot);
    if (found?.keys.includes(recipient) === true) return { success: true, lines: [...lines, `public key: ${recipient}, in ${found.file} already`], document };
    if (found !== undefined) throw new EnvSyncError('refused', { what: 'others are recipients, and only they can add you', where: found.file, next: `have one of them run: nx-env-sync secrets rotate --addRecipient ${recipient}` });
    const path = join(place.workspaceRoot, ENVIRONMENTS_FOLDER, RECIPIENTS_FILE);
    await replaceFile({ path, content: `# Who may read the secrets: one public key of age a line.\n${recipient}\n`, mode: 0o644 });
    return { success: true, lines: [...lines, `public key: ${recipient}, written to ${shownPath(path, place.workspaceRoot)}`], document };
  });
}

/** Encrypts all secrets again, for other recipients. */
export async function rotateRecipients(add: readonly string[], remove: readonly string[], place: Place): Promise<Answer> {
  return withLock(place.workspaceRoot, 'a change of the recipients', async () => {
    const recipients = await recipientsOf(resolve(place.workspaceRoot, place.projectRoot), place.workspaceRoot);
    const valid = await Promise.all(add.map(isRecipient));
    const problems = [
      ...add.filter((_, index) => valid[index] === false).map((key) => `what was to be added ${flawOf(key)}`),
      ...remove.filter((key) => !recipients.keys.includes(key)).map((key) => (key.startsWith('age1') ? `${printable(key, 80)} is none of the recipients` : `what was to be removed ${flawOf(key)}`)),
    ];
    if (problems.length > 0) throw new EnvSyncError('refused', { what: 'the recipients cannot be changed so', where: recipients.file, problems, next: 'nothing was changed' });
    const lines = recipients.text.split('\n').filter((line) => !remove.includes(line.trim()));
    const fresh = add.filter((key) => !recipients.keys.includes(key));
    const text = `${lines.join('\n').replace(/\n*$/, '')}\n${fresh.map((key) => `${key}\n`).join('')}`;
    const keys = [...recipients.keys.filter((key) => !remove.includes(key)), ...fresh];
    const files = await rotate({ recipients, keys, text }, identitiesOnce({}, place), place.workspaceRoot);
    return {
      success: true,
      lines: [...files.map((file) => `  ${file}`), `encrypted ${counted(files.length - 1, 'file')} for ${counted(keys.length, 'recipient')}`, ...(remove.length === 0 ? [] : ['  whoever was removed can read what the repository had before: change those values'])],
      document: { recipients: keys, files },
    };
  });
}
