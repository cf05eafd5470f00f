/** age (https://age-encryption.org/v1) by the library of its author; the program `age` reads what is written here, and the reverse. */

/** Loaded when something is encrypted: most environments have no secrets file, and the library takes a third of a second. */
const library = async () => import('age-encryption');

/** A key pair: what decrypts, and what others encrypt for. */
export interface KeyPair {
  readonly identity: string;
  readonly recipient: string;
}

export type Decrypted = { readonly state: 'read'; readonly bytes: Uint8Array } | { readonly state: 'refused'; readonly what: string };

/** An X25519 key, which every version of age knows. */
export async function newKeyPair(): Promise<KeyPair> {
  const { generateX25519Identity, identityToRecipient } = await library();
  const identity = await generateX25519Identity();
  return { identity, recipient: await identityToRecipient(identity) };
}

/** What others encrypt for, of an identity. */
export async function recipientOf(identity: string): Promise<string> {
  return (await library()).identityToRecipient(identity);
}

/** True for a public key that can be encrypted for. */
export async function isRecipient(text: string): Promise<boolean> {
  const { Encrypter } = await library();
  return accepted(() => new Encrypter().addRecipient(text));
}

/** True for a secret key. */
export async function isIdentity(text: string): Promise<boolean> {
  const { Decrypter } = await library();
  return accepted(() => new Decrypter().addIdentity(text));
}

function accepted(add: () => void): boolean {
  try {
    add();
    return true;
  } catch {
    return false;
  }
}

/** Any one of the recipients can decrypt it. */
export async function encrypt(content: string | Uint8Array, recipients: readonly string[]): Promise<Uint8Array> {
  const { Encrypter } = await library();
  const encrypter = new Encrypter();
  for (const recipient of recipients) encrypter.addRecipient(recipient);
  return encrypter.encrypt(content);
}

/** The same as text that a repository and a mail keep as it is. */
export async function encryptArmored(content: string | Uint8Array, recipients: readonly string[]): Promise<string> {
  const { armor } = await library();
  const text = armor.encode(await encrypt(content, recipients));
  return text.endsWith('\n') ? text : `${text}\n`;
}

const ARMOR = '-----BEGIN AGE ENCRYPTED FILE-----';

/** Takes both forms. What is wrong is told without a word of the content. */
export async function decrypt(file: Uint8Array, identities: readonly string[]): Promise<Decrypted> {
  const { armor, Decrypter } = await library();
  let bytes = file;
  const head = Buffer.from(file.subarray(0, 64)).toString('latin1').trimStart();
  if (head.startsWith(ARMOR)) {
    try {
      bytes = armor.decode(Buffer.from(file).toString('latin1'));
    } catch {
      return damaged;
    }
  } else if (!head.startsWith('age-encryption.org/')) {
    return { state: 'refused', what: 'is not encrypted by age: it has neither the first line of its files nor that of its armor' };
  }
  const decrypter = new Decrypter();
  for (const identity of identities) decrypter.addIdentity(identity);
  try {
    return { state: 'read', bytes: await decrypter.decrypt(bytes) };
  } catch (error) {
    return String(error).includes('no identity matched') ? wrongKey(identities.length) : damaged;
  }
}

const damaged: Decrypted = { state: 'refused', what: 'is damaged: it was cut or changed after it was encrypted' };

function wrongKey(count: number): Decrypted {
  return { state: 'refused', what: `is encrypted for others: ${count === 1 ? 'the secret key that was given is not' : `none of the ${count} secret keys that were given is`} one of its recipients` };
}

