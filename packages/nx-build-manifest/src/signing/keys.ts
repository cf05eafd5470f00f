/** Keys to sign with and keys to trust: ECDSA on P-256 as PEM, and minisign's Ed25519. */
import { createHash, createPrivateKey, createPublicKey, sign, type KeyObject } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { isMissing, isRecord } from '../reading.js';
import { minisignKeyName, readMinisignPublic, readMinisignSecret, type MinisignSecret } from './minisign.js';

/** A secret key that is ready to sign. It cannot be printed by accident: the key itself is held by node:crypto. */
export type SigningKey =
  | { readonly type: 'ecdsa-p256'; readonly id: string; readonly publicKey: KeyObject; readonly privateKey: KeyObject }
  | { readonly type: 'minisign'; readonly id: string; readonly publicKey: KeyObject; readonly privateKey: KeyObject; readonly minisign: MinisignSecret };

/** A public key of a policy. */
export interface TrustedKey {
  /** What verdicts call it. */
  readonly name: string;
  /** PEM of an ECDSA P-256 key (`-----BEGIN PUBLIC KEY-----`), or the text or the last line of a minisign.pub. */
  readonly publicKey: string;
}

export interface ParsedKey {
  readonly name: string;
  readonly type: SigningKey['type'];
  /** See {@link keyHint}. */
  readonly id: string;
  readonly publicKey: KeyObject;
  /** Absent for ECDSA. */
  readonly keyId?: Buffer;
}

/** Base64 of the SHA-256 of the DER of a public key (SubjectPublicKeyInfo), which stands in a bundle to tell which key to verify with. */
export function keyHint(key: KeyObject): string {
  return createHash('sha256').update(key.export({ format: 'der', type: 'spki' })).digest('base64');
}

/** One line of people's text: `ECDSA P-256 <hint>`, `minisign <key id>`. */
export function keyName(key: SigningKey): string {
  return key.type === 'minisign' ? `minisign ${minisignKeyName(key.minisign.keyId)}` : `ECDSA P-256 ${key.id}`;
}

/**
 * @param text PEM (PKCS #8, encrypted PKCS #8, SEC 1) of an ECDSA P-256 key, or a secret key of minisign
 * @throws Error with a reason that holds nothing of key or passphrase
 */
export async function parseSigningKey(text: string, passphrase?: string): Promise<SigningKey> {
  if (/-----BEGIN /.test(text)) return parsePem(text, passphrase);
  if (!text.startsWith('untrusted comment:')) throw new Error('it is neither PEM nor a secret key of minisign');
  const minisign = await readMinisignSecret(text, passphrase);
  return { type: 'minisign', id: keyHint(minisign.publicKey), publicKey: minisign.publicKey, privateKey: minisign.privateKey, minisign };
}

/** Far more than any key has. */
const MOST_BYTES = 64 * 1024;

/** {@link parseSigningKey} of a file, or of what a program writes into a pipe (`--key=<(vault read ...)`). */
export async function readSigningKey(file: string, passphrase?: string): Promise<SigningKey> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of createReadStream(file, { end: MOST_BYTES })) chunks.push(chunk as Buffer);
  } catch (thrown) {
    if (isMissing(thrown)) throw new Error('there is no such file', { cause: thrown });
    throw isRecord(thrown) && thrown['code'] === 'EISDIR' ? new Error('it is a folder', { cause: thrown }) : thrown;
  }
  const content = Buffer.concat(chunks);
  if (content.length > MOST_BYTES) throw new Error('it is too large to be a key');
  return parseSigningKey(content.toString('utf8'), passphrase);
}

function parsePem(text: string, passphrase: string | undefined): SigningKey {
  if (/BEGIN ENCRYPTED (?:SIGSTORE|COSIGN) /.test(text)) throw new Error('it is in the format of cosign alone: make one with openssl');
  const encrypted = /BEGIN ENCRYPTED |^Proc-Type: 4,ENCRYPTED/m.test(text);
  if (encrypted && passphrase === undefined) throw new Error('it is encrypted, and no passphrase was given');
  let privateKey: KeyObject;
  try {
    privateKey = createPrivateKey({ key: text, format: 'pem', ...(encrypted ? { passphrase } : {}) });
  } catch {
    throw new Error(encrypted ? 'the passphrase is wrong, or the file is damaged' : 'it is no private key');
  }
  if (!isP256(privateKey)) throw new Error('it is no ECDSA key on the curve P-256');
  const publicKey = createPublicKey(privateKey);
  return { type: 'ecdsa-p256', id: keyHint(publicKey), publicKey, privateKey };
}

function isP256(key: KeyObject): boolean {
  return key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1';
}

/** @throws Error that tells why it is no key that can be trusted */
export function parseTrustedKey({ name, publicKey }: TrustedKey): ParsedKey {
  const minisign = readMinisignPublic(publicKey);
  if (minisign !== undefined) return { name, type: 'minisign', id: keyHint(minisign.publicKey), ...minisign };
  if (/BEGIN [A-Z ]*PRIVATE/.test(publicKey)) throw new Error('it is a private key');
  let key: KeyObject;
  try {
    key = createPublicKey(publicKey);
  } catch {
    throw new Error('it is neither the PEM of a public key nor a public key of minisign');
  }
  if (!isP256(key)) throw new Error('it is no ECDSA key on the curve P-256');
  return { name, type: 'ecdsa-p256', id: keyHint(key), publicKey: key };
}

/** ECDSA with SHA-256 as DER; Ed25519 for a key of minisign. Both are deterministic: the same key and data give the same bytes. */
export async function signatureOf(key: SigningKey, data: Buffer): Promise<Buffer> {
  return key.type === 'minisign' ? sign(null, data, key.privateKey) : deterministicEcdsa(key.privateKey, data);
}

/** With the nonce of RFC 6979, and of the two numbers that s may be the lower: node:crypto takes a random one, and a signed package would be another one each time it is made. */
async function deterministicEcdsa(key: KeyObject, data: Buffer): Promise<Buffer> {
  const { p256 } = await import('@noble/curves/nist.js');
  const { d = '' } = key.export({ format: 'jwk' });
  return Buffer.from(p256.sign(data, Buffer.from(d, 'base64url'), { format: 'der', lowS: true }));
}

/**
 * Whether the second number of an ECDSA signature is the higher of the two that it may be: (r, n - s) is a signature of the same data, which anybody can make of (r, s).
 * @param signature DER
 */
export async function hasHighS(signature: Buffer): Promise<boolean> {
  const { p256 } = await import('@noble/curves/nist.js');
  return p256.Signature.fromBytes(signature, 'der').hasHighS();
}
