import { generateKeyPairSync } from 'node:crypto';
import { keyName, parseSigningKey, parseTrustedKey } from './keys.js';
import { scryptParameters } from './minisign.js';
import { ecdsaKey, minisignKey } from './signing.spec-support.js';

const encryptedPem = (passphrase: string): string =>
  generateKeyPairSync('ec', { namedCurve: 'P-256', publicKeyEncoding: { type: 'spki', format: 'pem' }, privateKeyEncoding: { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase } }).privateKey;

describe('a key to sign with', () => {
  it('is read from PEM, plain and encrypted, and from minisign, plain and encrypted', async () => {
    expect((await parseSigningKey(ecdsaKey().secret)).type).toBe('ecdsa-p256');
    expect((await parseSigningKey(encryptedPem('pass'), 'pass')).type).toBe('ecdsa-p256');
    expect((await parseSigningKey(minisignKey().secret)).type).toBe('minisign');
    const key = minisignKey('release', 'pass');
    const read = await parseSigningKey(key.secret, 'pass');
    expect(parseTrustedKey(key.trusted).id).toBe(read.id);
    expect(keyName(read)).toMatch(/^minisign [0-9A-F]{16}$/);
  });

  it.each([
    ['an encrypted PEM without a passphrase', async () => parseSigningKey(encryptedPem('hunter2')), 'it is encrypted, and no passphrase was given'],
    ['an encrypted PEM with another passphrase', async () => parseSigningKey(encryptedPem('hunter2'), 'wrong-one'), 'the passphrase is wrong, or the file is damaged'],
    ['an encrypted minisign key without a passphrase', async () => parseSigningKey(minisignKey('a', 'hunter2').secret), 'it is encrypted, and no passphrase was given'],
    ['an encrypted minisign key with another passphrase', async () => parseSigningKey(minisignKey('a', 'hunter2').secret, 'wrong-one'), 'the passphrase is wrong, or the file is damaged'],
    ['another curve', async () => parseSigningKey(ecdsaKey('a', 'P-384').secret), 'it is no ECDSA key on the curve P-256'],
    ['a public key', async () => parseSigningKey(ecdsaKey().trusted.publicKey), 'it is no private key'],
    ['a file of cosign', async () => parseSigningKey('-----BEGIN ENCRYPTED SIGSTORE PRIV' + 'ATE KEY-----\n'), 'it is in the format of cosign alone: make one with openssl'],
    ['something else', async () => parseSigningKey('hello'), 'it is neither PEM nor a secret key of minisign'],
    ['a minisign key cut short', async () => parseSigningKey('untrusted comment: x\nRWQ=\n'), 'it is no secret key of minisign'],
    ['a minisign key of another derivation', async () => parseSigningKey(changed(minisignKey().secret, 2, 'XX')), 'its key derivation is not known'],
    ['a damaged minisign key', async () => parseSigningKey(changed(minisignKey().secret, 70, 'XX')), 'the file is damaged'],
    ['a minisign key that asks for 1 TiB', async () => parseSigningKey(greedy(minisignKey('a', 'p').secret), 'p'), 'it asks for more memory than 2 GiB to be decrypted'],
  ])('is refused when it is %s', async (_, read, message) => {
    await expect(read()).rejects.toThrow(message);
    await expect(read()).rejects.not.toThrow(/hunter2|wrong-one/);
  });
});

function changed(secret: string, at: number, text: string): string {
  const [comment, line = ''] = secret.split('\n');
  const bytes = Buffer.from(line, 'base64');
  bytes.write(text, at, 'latin1');
  return `${comment ?? ''}\n${bytes.toString('base64')}\n`;
}

function greedy(secret: string): string {
  const [comment, line = ''] = secret.split('\n');
  const bytes = Buffer.from(line, 'base64');
  bytes.writeBigUInt64LE(2n ** 40n, 38);
  bytes.writeBigUInt64LE(2n ** 40n, 46);
  return `${comment ?? ''}\n${bytes.toString('base64')}\n`;
}

describe('parameters of scrypt', () => {
  it.each([
    // The limits of libsodium: sensitive (minisign's), interactive, and the smallest.
    [33554432n, 1073741824n, { N: 2 ** 20, r: 8, p: 1 }],
    [524288n, 16777216n, { N: 2 ** 14, r: 8, p: 1 }],
    [0n, 16777216n, { N: 2 ** 10, r: 8, p: 1 }],
  ])('of %s operations and %s bytes', (opslimit, memlimit, parameters) => {
    expect(scryptParameters(opslimit, memlimit)).toEqual(parameters);
  });
});

describe('a key to trust', () => {
  it('is read as PEM, as the text of a minisign.pub and as its last line', () => {
    const { trusted } = minisignKey();
    const ids = [trusted, { ...trusted, publicKey: trusted.publicKey.split('\n')[1] ?? '' }].map((key) => parseTrustedKey(key).id);
    expect(ids[0]).toBe(ids[1]);
    expect(parseTrustedKey(ecdsaKey().trusted).type).toBe('ecdsa-p256');
  });

  it.each([
    [ecdsaKey().secret, 'it is a private key'],
    ['hello', 'it is neither the PEM of a public key nor a public key of minisign'],
    [ecdsaKey('a', 'P-384').trusted.publicKey, 'it is no ECDSA key on the curve P-256'],
  ])('is refused otherwise', (publicKey, message) => {
    expect(() => parseTrustedKey({ name: 'x', publicKey })).toThrow(message);
  });
});
