import { createPrivateKey, createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import fc from 'fast-check';
import { hasHighS, keyHint, keyName, parseSigningKey, parseTrustedKey, readSigningKey, signatureOf } from './keys.js';
import { scryptParameters } from './minisign.js';
import { ecdsaKey, minisignKey, mirrored } from './signing.spec-support.js';

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

describe('a key in a file', () => {
  it.each([['/dev/zero', 'it is too large to be a key'], [__dirname, 'it is a folder'], [`${__dirname}/none`, 'there is no such file'], [`${__filename}/none`, 'there is no such file'], ['/dev/null', 'it is neither PEM']])('is not %s', async (file, why) => {
    await expect(readSigningKey(file)).rejects.toThrow(why);
  });
});

describe('an ECDSA signature', () => {
  // RFC 6979, A.2.5: P-256 with SHA-256.
  const x = 'C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721';
  const publicX = '60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6';
  const publicY = '7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299';
  /** Of the curve (SEC 2, 2.4.2). */
  const ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551n;
  const base64url = (hex: string): string => Buffer.from(hex, 'hex').toString('base64url');

  it.each([
    ['sample', 'EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716', 'F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8'],
    ['test', 'F1ABB023518351CD71D881567B1EA663ED3EFCF6C5132B354F28D3B0B7D38367', '019F4113742A2B14BD25926B49C649155F267E60D3814B4C0CC84250E46F0083'],
  ])('of %j is that of RFC 6979, with the lower s', async (message, r, stated) => {
    const other = ORDER - BigInt(`0x${stated}`);
    const s = other < BigInt(`0x${stated}`) ? other.toString(16).toUpperCase().padStart(64, '0') : stated;
    const privateKey = createPrivateKey({ format: 'jwk', key: { kty: 'EC', crv: 'P-256', d: base64url(x), x: base64url(publicX), y: base64url(publicY) } });
    const publicKey = createPublicKey(privateKey);
    const signature = await signatureOf({ type: 'ecdsa-p256', id: keyHint(publicKey), publicKey, privateKey }, Buffer.from(message));
    const integer = (hex: string): Buffer => Buffer.from(/^[89A-F]/.test(hex) ? `00${hex}` : hex, 'hex');
    const parts = [r, s].map(integer).flatMap((part) => [Buffer.from([2, part.length]), part]);
    expect(signature.toString('hex')).toBe(Buffer.concat([Buffer.from([0x30, Buffer.concat(parts).length]), ...parts]).toString('hex'));
  });

  it('of any key and data is one that OpenSSL takes', async () => {
    await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 1_000 }), async (data) => {
      const key = await parseSigningKey(ecdsaKey().secret);
      const signature = await signatureOf(key, Buffer.from(data));
      expect([signature, mirrored(signature)].map((one) => verify('sha256', data, key.publicKey, one))).toEqual([true, true]);
      expect([await hasHighS(signature), await hasHighS(mirrored(signature))]).toEqual([false, true]);
    }), { numRuns: 50 });
  });
});
