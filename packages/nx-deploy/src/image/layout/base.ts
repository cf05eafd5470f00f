/**
 * base.json, beside index.json: the layers that a layout refers to and does not hold, and where each comes from. It makes a layout that Nx's cache restored
 * on another machine as good as a whole one.
 */
import { isDigest } from '../digest.js';
import type { Descriptor, Digest } from '../oci.js';
import { asObject, isSize, listOf, parseObject } from './documents.js';
import { invalid } from './failures.js';
import { stableJson } from './json.js';

export const BASE_FILE = 'base.json';

export interface BaseBlob {
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  readonly mediaType: string;
  /** The image that has the layer: registry, repository and digest of its manifest, `images.example.com/library/node@sha256:...`. */
  readonly from: string;
}

/** Printable and without blanks, so that it can stand in a message; its grammar is checked where it is used. */
const REFERENCE = /^[!-~]{1,600}$/;

export function writeBase(blobs: readonly BaseBlob[]): Buffer {
  return stableJson({ schema: 1, blobs: blobs.map(({ digest, size, mediaType, from }) => ({ digest, size, mediaType, from })) });
}

/** `layers`: those of all manifests. What is listed must be one of them. */
export function readBase(text: Buffer, where: string, layers: ReadonlyMap<Digest, Descriptor>): ReadonlyMap<Digest, BaseBlob> {
  const fields = parseObject(text, where);
  if (fields['schema'] !== 1) throw invalid(where, 'its schema is not 1');
  const blobs = new Map<Digest, BaseBlob>();
  for (const value of listOf(fields['blobs'], where, 'blobs')) {
    const { digest, size, mediaType, from } = asObject(value, where, 'a blob');
    if (typeof digest !== 'string' || !isDigest(digest) || !isSize(size) || typeof mediaType !== 'string') throw invalid(where, 'a blob has no digest, size and media type');
    if (typeof from !== 'string' || !REFERENCE.test(from)) throw invalid(where, `${digest} does not tell where it comes from`);
    if (layers.get(digest)?.size !== size) throw invalid(where, `${digest} with ${size} bytes is no layer of this image`);
    blobs.set(digest, { digest, size, mediaType, from });
  }
  return blobs;
}
