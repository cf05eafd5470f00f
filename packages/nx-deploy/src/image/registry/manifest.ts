/** Manifests and indexes that come from others, checked before anything in them is used (OCI image-spec, manifest.md and image-index.md). */
import { DeployError } from '../../errors.js';
import { isDigest } from '../digest.js';
import { MEDIA_TYPES, type Descriptor, type Index, type Manifest, type Platform } from '../oci.js';
import { plain, quoted } from './plain.js';

/** More than registries take. */
export const LARGEST_MANIFEST = 4 * 1_048_576;
export const INDEX_TYPES: readonly string[] = [MEDIA_TYPES.index, MEDIA_TYPES.dockerIndex];
export const MANIFEST_TYPES: readonly string[] = [MEDIA_TYPES.manifest, MEDIA_TYPES.dockerManifest];
/** For `Accept`. */
export const ACCEPTED = [...INDEX_TYPES, ...MANIFEST_TYPES];

const SCHEMA_1 = /^application\/vnd\.docker\.distribution\.manifest\.v1\+/;
const FOREIGN = /foreign|nondistributable/;
const MOST_DESCRIPTORS = 5_000;
const MEDIA_TYPE = /^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}\/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}$/;

export type Document = { readonly kind: 'manifest'; readonly manifest: Manifest } | { readonly kind: 'index'; readonly index: Index };

/**
 * @param mediaType what the registry or the descriptor calls it
 * @param where reference or file, for messages
 * @throws DeployError ND-IMAGE-UNSUPPORTED, ND-REGISTRY-DAMAGED when it is no such document
 */
export function parseManifest(body: Uint8Array, mediaType: string, where: string): Document {
  refuseType(mediaType, where);
  const value = parseJson(body, where);
  if (value['schemaVersion'] === 1) throw oldSchema(where);
  const own = value['mediaType'] ?? mediaType;
  const both = Array.isArray(value['manifests']) && (Array.isArray(value['layers']) || value['config'] !== undefined);
  if (both || own !== mediaType) throw unsupported(where, 'it says two different things about what it is', 'such a document may show one image to a checker and another to an engine');
  if (value['schemaVersion'] !== 2) throw damaged(where, 'its schemaVersion is not 2');
  const annotations = annotationsOf(value['annotations'], where);
  if (INDEX_TYPES.includes(mediaType)) {
    return { kind: 'index', index: { schemaVersion: 2, mediaType, manifests: descriptors(value['manifests'], 'manifests', where), ...annotations } };
  }
  const layers = descriptors(value['layers'], 'layers', where);
  return { kind: 'manifest', manifest: { schemaVersion: 2, mediaType, config: descriptor(value['config'], 'config', where), layers, ...annotations } };
}

/** Refuses what the type alone rules out. */
export function refuseType(mediaType: string, where: string): void {
  if (SCHEMA_1.test(mediaType)) throw oldSchema(where);
  if (!ACCEPTED.includes(mediaType)) throw unsupported(where, `its type ${quoted(mediaType)} is neither an image manifest nor an index`, 'name the image itself, not a signature, chart or other artifact');
}

function parseJson(body: Uint8Array, where: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    throw damaged(where, 'it is not JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw damaged(where, 'it is not an object');
  return value as Record<string, unknown>;
}

function descriptors(value: unknown, name: string, where: string): Descriptor[] {
  if (!Array.isArray(value) || value.length > MOST_DESCRIPTORS) throw damaged(where, `${name} is not a list of at most ${MOST_DESCRIPTORS}`);
  return value.map((one, index) => descriptor(one, `${name}[${index}]`, where));
}

function descriptor(value: unknown, name: string, where: string): Descriptor {
  if (typeof value !== 'object' || value === null) throw damaged(where, `${name} is not an object`);
  const { mediaType, digest, size, urls, platform, annotations } = value as Record<string, unknown>;
  if (typeof mediaType !== 'string' || !MEDIA_TYPE.test(mediaType)) throw damaged(where, `${name}.mediaType is no media type`);
  if (FOREIGN.test(mediaType) || (Array.isArray(urls) && urls.length > 0)) {
    throw unsupported(where, `${name} is a foreign layer, which lies at another place than its registry`, 'use another base image; Windows base images are of this kind');
  }
  if (typeof digest !== 'string' || !isDigest(digest)) throw damaged(where, `${name}.digest is not "sha256:" and 64 digits`);
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) throw damaged(where, `${name}.size is no number of bytes`);
  return { mediaType, digest, size, ...platformOf(platform, name, where), ...annotationsOf(annotations, where) };
}

function platformOf(value: unknown, name: string, where: string): { platform?: Platform } {
  if (value === undefined || value === null) return {};
  const { os, architecture, variant } = value as Record<string, unknown>;
  if (typeof os !== 'string' || typeof architecture !== 'string') throw damaged(where, `${name}.platform has no os or architecture`);
  return { platform: { os, architecture, ...(typeof variant === 'string' && variant !== '' ? { variant } : {}) } };
}

function annotationsOf(value: unknown, where: string): { annotations?: Record<string, string> } {
  if (value === undefined || value === null) return {};
  if (typeof value !== 'object' || Array.isArray(value) || Object.values(value).some((one) => typeof one !== 'string')) throw damaged(where, 'annotations are not a map of texts');
  return { annotations: value as Record<string, string> };
}

function oldSchema(where: string): DeployError {
  return unsupported(where, 'its manifest is of schema version 1, which cannot be verified by digest', 'push the image again with a current docker or podman');
}

function unsupported(where: string, why: string, next: string): DeployError {
  return new DeployError('ND-IMAGE-UNSUPPORTED', { what: 'the image is of a kind that is not handled', where: plain(where), why, next });
}

function damaged(where: string, why: string): DeployError {
  return new DeployError('ND-REGISTRY-DAMAGED', { what: 'what should be a manifest is none', where: plain(where), why, next: 'push the image again' });
}
