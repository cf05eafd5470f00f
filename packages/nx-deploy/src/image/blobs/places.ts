/** Where a store keeps what. */
import { join, resolve } from 'node:path';
import { DeployError } from '../../errors.js';
import { isDigest } from '../digest.js';
import type { Digest } from '../oci.js';

export interface Places {
  readonly folder: string;
  /** `sha256/ab/<64 hex>` */
  readonly content: string;
  /** `<64 hex of a layer>`: its files, laid out; see unpacked.ts. */
  readonly unpacked: string;
  /** Files being written, and those being removed. */
  readonly temporary: string;
  /** One file per build under way. */
  readonly holds: string;
  /** Which layer was made of which key, and notes, see note.ts. */
  readonly records: string;
  /** One file per folder of files: their digests, see archive/known-digests.ts. */
  readonly digests: string;
  /** One file per key whose layer is being made. */
  readonly locks: string;
}

/** `home`: the folder that NX_DEPLOY_HOME names. NX_DEPLOY_BLOBS moves the store elsewhere, for example to a disk that a CI keeps. */
export function blobsFolder(home: string, environment: NodeJS.ProcessEnv = process.env): string {
  const own = environment['NX_DEPLOY_BLOBS'];
  return own === undefined || own === '' ? join(home, 'image-blobs') : resolve(own);
}

export function placesIn(folder: string): Places {
  const under = (name: string): string => join(folder, name);
  return { folder, content: under('sha256'), unpacked: under('unpacked'), temporary: under('temporary'), holds: under('holds'), records: under('records'), digests: under('digests'), locks: under('locks') };
}

/** @throws DeployError ND-IMAGE-INVALID: digests come from files and networks, and none may name a file outside. */
export function pathOf(places: Places, digest: Digest): string {
  if (!isDigest(digest)) {
    throw new DeployError('ND-IMAGE-INVALID', { what: 'a digest is not valid', where: JSON.stringify(digest), why: 'only sha256 and 64 hexadecimal digits are', next: 'build or pull the image again' });
  }
  const hex = digest.slice('sha256:'.length);
  return join(places.content, hex.slice(0, 2), hex);
}
