/** `<environment>.secrets.env`: an environment file as a whole, encrypted by age. What is in it is never on a disk in plain text. */
import { EnvSyncError } from '../errors.js';
import { PRIVATE_FILE, replaceFile } from '../files/replace-file.js';
import { decodeText, LARGEST_FILE, readWholeFile, type FileText } from '../read-file.js';
import { decrypt, encryptArmored } from './age.js';
import { IDENTITY_VARIABLES, readIdentities, type IdentityOptions, type IdentityPlace } from './identities.js';

/** Gives all secret keys; asked when the first secrets file is there. */
export type Identities = () => Promise<readonly string[]>;

/** Room for the armor and many recipients around the largest text. */
const LARGEST_ENCRYPTED = 2 * LARGEST_FILE;

/** Looks for the secret keys once, however many files are read. */
export function identitiesOnce(options: IdentityOptions, place: IdentityPlace): Identities {
  let found: Promise<readonly string[]> | undefined;
  return () => {
    found ??= readIdentities(options, place);
    return found;
  };
}

/** The text of a secrets file. `what` of one that cannot be read continues "the file ...". Throws nothing. */
export async function readSecretsFile(path: string, identities: Identities): Promise<FileText> {
  const file = await readWholeFile(path, LARGEST_ENCRYPTED);
  return file.state === 'read' ? decryptText(file.bytes, identities) : file;
}

/** The same for what was read already. */
export async function decryptText(bytes: Uint8Array, identities: Identities): Promise<FileText> {
  try {
    const keys = await identities();
    if (keys.length === 0) return { state: 'unreadable', what: `is encrypted, and there is no secret key to read it with: name one by ${IDENTITY_VARIABLES}_FILE, ${IDENTITY_VARIABLES} or ${IDENTITY_VARIABLES}_COMMAND` };
    const opened = await decrypt(bytes, keys);
    return opened.state === 'read' ? decodeText(opened.bytes) : { state: 'unreadable', what: opened.what };
  } catch (error) {
    if (error instanceof EnvSyncError) return { state: 'unreadable', what: `cannot be decrypted: ${error.message}` };
    throw error;
  }
}

/** Encrypts the text for all recipients and replaces the file in one step. */
export async function writeSecretsFile(path: string, text: string, recipients: readonly string[]): Promise<void> {
  await replaceFile({ path, content: await encryptArmored(text, recipients), mode: PRIVATE_FILE });
}
