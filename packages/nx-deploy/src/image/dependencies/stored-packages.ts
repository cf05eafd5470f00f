/** The packages of a layer that is in the store already, read from its tar: what an install of an earlier build made need not be installed again. */
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { DeployError } from '../../errors.js';
import type { BlobStore } from '../blobs/store.js';
import type { PackageSize } from '../builder.js';
import { readTar } from '../layer/read.js';
import type { Digest } from '../oci.js';
import { addPackages, packageOf, versionIn, type SizedFile } from './packages.js';

/** A package.json that is longer names no version here. */
const LONGEST_MANIFEST = 1024 * 1024;

/** Reads the layer once; memory is bounded. Rejects with ND-IMAGE-INCOMPLETE or ND-IMAGE-INVALID when it is not in the store, or damaged. */
export async function storedPackages(store: BlobStore, digest: Digest): Promise<readonly PackageSize[]> {
  const files: SizedFile[] = [];
  const versions = new Map<string, string>();
  const refuse = (why: string): DeployError => new DeployError('ND-IMAGE-INVALID', { what: 'a layer cannot be read', where: digest, why, next: 'run the command again; when it stays, remove the store of image blobs' });
  await pipeline(store.open(digest, { verify: true }), createGunzip(), async (tar: AsyncIterable<Buffer>) => {
    await readTar(tar, refuse, async ({ path, type, size }, content) => {
      if (type !== 'file') return;
      files.push({ path, size });
      const owner = packageOf(path);
      if (owner?.inside !== 'package.json' || size > LONGEST_MANIFEST) return;
      const pieces: Buffer[] = [];
      for await (const piece of content) pieces.push(piece);
      const version = versionIn(Buffer.concat(pieces).toString());
      if (version !== undefined) versions.set(owner.folder, version);
    });
  });
  return addPackages(files, versions);
}
