/**
 * Keys and signatures of minisign (https://jedisct1.github.io/minisign/, "Signature format" and "Key format").
 *
 * secret key: `Ed`, kdf `Sc` or two zero bytes, `B2`, 32 bytes salt, 8 bytes opslimit, 8 bytes memlimit (little endian), then, XORed with the scrypt
 * stream where a kdf is named: 8 bytes key id, 32 bytes seed, 32 bytes public key, 32 bytes checksum.
 * public key: `Ed`, 8 bytes key id, 32 bytes key. Signature: `ED`, 8 bytes key id, 64 bytes Ed25519 signature of the BLAKE2b-512 digest.
 */
import { createHash, createPrivateKey, createPublicKey, scrypt, sign, verify, type KeyObject } from 'node:crypto';

export interface MinisignSecret {
  /** 8 bytes, as they stand in the files. */
  readonly keyId: Buffer;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

export interface MinisignPublic {
  readonly keyId: Buffer;
  readonly publicKey: KeyObject;
}

export const SECRET_COMMENT = /^untrusted comment: .*(?:minisign|secret).*\r?\n/;
/** What minisign writes unless told otherwise. No signature covers this line, so no other is accepted. */
const UNTRUSTED_COMMENT = 'untrusted comment: signature from minisign secret key';
const PKCS8_ED25519 = Buffer.from('302e020100300506032b657004220420', 'hex');
const SPKI_ED25519 = Buffer.from('302a300506032b6570032100', 'hex');
const SECRET_BYTES = 158;
const SECRET_PART = 54;

/** The key id as minisign prints it: 16 hexadecimal digits. */
export function minisignKeyName(keyId: Buffer): string {
  return Buffer.from(keyId).reverse().toString('hex').toUpperCase();
}

function secondLine(text: string): Buffer {
  return Buffer.from(text.split('\n')[1]?.trim() ?? '', 'base64');
}

/**
 * @param passphrase undefined when none was given
 * @throws Error that names no byte of the key
 */
export async function readMinisignSecret(text: string, passphrase: string | undefined): Promise<MinisignSecret> {
  const bytes = secondLine(text);
  if (bytes.length !== SECRET_BYTES || bytes.subarray(0, 2).toString() !== 'Ed' || bytes.subarray(4, 6).toString() !== 'B2') throw new Error('it is no secret key of minisign');
  const kdf = bytes.subarray(2, 4).toString('latin1');
  if (kdf !== 'Sc' && kdf !== '\0\0') throw new Error('its key derivation is not known');
  if (kdf === 'Sc' && passphrase === undefined) throw new Error('it is encrypted, and no passphrase was given');
  const secret = Buffer.from(bytes.subarray(SECRET_PART));
  if (kdf === 'Sc') {
    const stream = await scryptStream(passphrase ?? '', bytes.subarray(6, 38), bytes.readBigUInt64LE(38), bytes.readBigUInt64LE(46), secret.length);
    for (const [index, byte] of stream.entries()) secret[index] = (secret[index] ?? 0) ^ byte;
  }
  const privateKey = createPrivateKey({ key: Buffer.concat([PKCS8_ED25519, secret.subarray(8, 40)]), format: 'der', type: 'pkcs8' });
  const publicKey = createPublicKey(privateKey);
  // The file's checksum is BLAKE2b-256, which node:crypto has not; that the public key belongs to the seed proves as much.
  if (!rawPublic(publicKey).equals(secret.subarray(40, 72))) throw new Error(kdf === 'Sc' ? 'the passphrase is wrong, or the file is damaged' : 'the file is damaged');
  return { keyId: Buffer.from(secret.subarray(0, 8)), privateKey, publicKey };
}

/** libsodium's choice of N, r and p from the two limits (crypto_pwhash_scryptsalsa208sha256, `pickparams`). */
export function scryptParameters(opslimit: bigint, memlimit: bigint): { readonly N: number; readonly r: number; readonly p: number } {
  const r = 8;
  const operations = Math.max(Number(opslimit), 32768);
  const narrow = operations < Number(memlimit) / 32;
  const most = narrow ? operations / (r * 4) : Number(memlimit) / (r * 128);
  let power = 1;
  while (power < 62 && 2 ** power <= most / 2) power += 1;
  const N = 2 ** power;
  return { N, r, p: narrow ? 1 : Math.max(1, Math.floor(Math.min(operations / 4 / N, 0x3fffffff) / r)) };
}

const MOST_MEMORY = 2 ** 31;

async function scryptStream(passphrase: string, salt: Buffer, opslimit: bigint, memlimit: bigint, length: number): Promise<Buffer> {
  const { N, r, p } = scryptParameters(opslimit, memlimit);
  const memory = 128 * r * (N + p + 2);
  if (memory > MOST_MEMORY) throw new Error('it asks for more memory than 2 GiB to be decrypted');
  return new Promise((done, failed) => {
    scrypt(passphrase, salt, length, { N, r, p, maxmem: memory }, (error, key) => (error === null ? done(key) : failed(new Error('it cannot be decrypted: scrypt failed'))));
  });
}

function rawPublic(key: KeyObject): Buffer {
  return key.export({ format: 'der', type: 'spki' }).subarray(SPKI_ED25519.length);
}

/** Text of a public key file, or its second line alone. undefined when it is neither. */
export function readMinisignPublic(text: string): MinisignPublic | undefined {
  const line = text.trim().split('\n').at(-1)?.trim() ?? '';
  const bytes = Buffer.from(line, 'base64');
  if (bytes.length !== 42 || bytes.subarray(0, 2).toString() !== 'Ed') return undefined;
  return { keyId: Buffer.from(bytes.subarray(2, 10)), publicKey: createPublicKey({ key: Buffer.concat([SPKI_ED25519, bytes.subarray(10)]), format: 'der', type: 'spki' }) };
}

function digest(content: Buffer): Buffer {
  return createHash('blake2b512').update(content).digest();
}

/** Content of a `.minisig` for `content`, prehashed. @param trusted one line, which is signed as well */
export function minisignSignature(key: MinisignSecret, content: Buffer, trusted: string): string {
  const signature = sign(null, digest(content), key.privateKey);
  const line = Buffer.concat([Buffer.from('ED'), key.keyId, signature]).toString('base64');
  const global = sign(null, Buffer.concat([signature, Buffer.from(trusted, 'utf8')]), key.privateKey).toString('base64');
  return `${UNTRUSTED_COMMENT}\n${line}\ntrusted comment: ${trusted}\n${global}\n`;
}

/**
 * Whether `text` is a signature of `content` by one of the keys. Every byte of it counts.
 * @returns the key, or why it is none in words
 */
export function verifyMinisign<Key extends MinisignPublic>(keys: readonly Key[], content: Buffer, text: string): Key | string {
  const [untrusted, line = '', comment = '', last = '', end, ...more] = text.split('\n');
  const bytes = Buffer.from(line, 'base64');
  const global = Buffer.from(last, 'base64');
  if (end !== '' || more.length > 0 || bytes.length !== 74 || global.length !== 64 || !comment.startsWith('trusted comment: ')) return 'it is no signature of minisign';
  if (untrusted !== UNTRUSTED_COMMENT) return 'its untrusted comment, which no signature covers, is not the usual one';
  if (bytes.toString('base64') !== line || global.toString('base64') !== last) return 'it is no signature of minisign';
  if (bytes.subarray(0, 2).toString() !== 'ED') return 'it is not of the prehashed kind';
  const keyId = bytes.subarray(2, 10);
  const key = keys.find((each) => each.keyId.equals(keyId));
  if (key === undefined) return `it is of the key ${minisignKeyName(keyId)}, which is not trusted`;
  const signature = bytes.subarray(10);
  if (!verify(null, digest(content), key.publicKey, signature)) return 'it does not match';
  const trusted = Buffer.from(comment.slice('trusted comment: '.length), 'utf8');
  return verify(null, Buffer.concat([signature, trusted]), key.publicKey, global) ? key : 'its trusted comment was changed';
}
