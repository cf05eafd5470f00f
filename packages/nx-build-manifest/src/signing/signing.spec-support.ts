/** Keys and packages for specs. */
import { generateKeyPairSync, randomBytes, scryptSync, type KeyObject } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { p256 } from '@noble/curves/nist.js';
import type { TrustedKey } from './keys.js';

export interface TestKey {
  /** Content of the file with the secret key. */
  readonly secret: string;
  readonly trusted: TrustedKey;
}

const pem = (key: KeyObject, type: 'spki' | 'pkcs8'): string => (type === 'spki' ? key.export({ format: 'pem', type }) : key.export({ format: 'pem', type })).toString();

export function ecdsaKey(name = 'ci', curve = 'P-256'): TestKey {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: curve });
  return { secret: pem(privateKey, 'pkcs8'), trusted: { name, publicKey: pem(publicKey, 'spki') } };
}

/** As `minisign -G` writes it; encrypted with a small scrypt when a passphrase is given. */
export function minisignKey(name = 'release', passphrase?: string): TestKey {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const seed = privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(-32);
  const raw = publicKey.export({ format: 'der', type: 'spki' }).subarray(-32);
  const keyId = randomBytes(8);
  const salt = randomBytes(32);
  const limits = Buffer.alloc(16);
  if (passphrase !== undefined) {
    limits.writeBigUInt64LE(32768n, 0);
    limits.writeBigUInt64LE(16777216n, 8);
  }
  const secret = Buffer.concat([keyId, seed, raw, Buffer.alloc(32)]);
  if (passphrase !== undefined) {
    const stream = scryptSync(passphrase, salt, secret.length, { N: 1024, r: 8, p: 1 });
    for (const [index, byte] of stream.entries()) secret[index] = (secret[index] ?? 0) ^ byte;
  }
  const bytes = Buffer.concat([Buffer.from(passphrase === undefined ? 'Ed\0\0B2' : 'EdScB2', 'latin1'), salt, limits, secret]);
  const line = Buffer.concat([Buffer.from('Ed'), keyId, raw]).toString('base64');
  return {
    secret: `untrusted comment: minisign encrypted secret key\n${bytes.toString('base64')}\n`,
    trusted: { name, publicKey: `untrusted comment: minisign public key\n${line}\n` },
  };
}

/** (r, n - s) of (r, s), DER: of the same data, and made without the key. */
export function mirrored(signature: Buffer): Buffer {
  const { r, s } = p256.Signature.fromBytes(signature, 'der');
  return Buffer.from(new p256.Signature(r, p256.Point.CURVE().n - s).toBytes('der'));
}

/** A folder with these files. */
export async function folderWith(files: Readonly<Record<string, string | Buffer>>): Promise<{ readonly folder: string; readonly remove: () => Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'signing-'));
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) };
}

export const SBOM = '{"bomFormat":"CycloneDX","specVersion":"1.6","components":[]}';

/** What a package of a service holds, small. */
export const PACKAGE: Readonly<Record<string, string>> = {
  'build-manifest.json': '{"manifestVersion":1}\n',
  'sbom.cdx.json': SBOM,
  'shop-1.0.0.tar.gz': 'not really an archive',
  'application/main.js': 'console.log(1);\n',
  'application/empty': '',
};

export const BUILD = {
  name: 'shop', version: '1.0.0', buildId: 'shop-1.0.0-20260303.233607', builder: 'https://ci.example.com/builders/1',
  source: { repository: 'git+https://example.com/shop.git', branch: 'main', commit: '3db61a4789c150241103c7ededb7bdc77fbce590', dirty: false },
  inputs: [{ name: 'package-lock.json', sha256: 'a'.repeat(64) }],
} as const;
