import { lstat, open } from 'node:fs/promises';
import { constants } from 'node:fs';
import { join } from 'node:path';
import { errorCode } from '../../errors.js';
import { digestOf } from '../digest.js';
import type { Descriptor, Digest, ImageConfig, Manifest, Platform } from '../oci.js';
import { BASE_FILE, readBase, type BaseBlob } from './base.js';
import { asConfig, asIndex, asManifest, isIndex, isManifest, parseObject, platformName } from './documents.js';
import { invalid } from './failures.js';

export interface ReadImage {
  readonly descriptor: Descriptor;
  readonly manifest: Manifest;
  readonly config: ImageConfig;
  readonly platform: Platform;
}

export interface Layout {
  readonly folder: string;
  /** What index.json names: one manifest, or one index of several platforms. Layouts of other tools may name several. */
  readonly roots: readonly Descriptor[];
  /** Indexes below index.json, outermost first. */
  readonly indexes: readonly Descriptor[];
  /** One per platform. */
  readonly images: readonly ReadImage[];
  /** Layers that are not in the folder, and where they come from. */
  readonly absent: ReadonlyMap<Digest, BaseBlob>;
  /** All layers of {@link BASE_FILE}, those that are in the folder too. */
  readonly base: ReadonlyMap<Digest, BaseBlob>;
}

/** Where a layout keeps a blob. */
export function blobFile(folder: string, digest: Digest): string {
  return join(folder, 'blobs', 'sha256', digest.slice('sha256:'.length));
}

/** Bytes of a document; registries have the same limit. */
export const DOCUMENT_LIMIT = 4 * 1024 * 1024;
/** index.json, an index, and one more: what tools write. */
const DEEPEST = 3;
const REF_NAME = 'org.opencontainers.image.ref.name';
/** As BuildKit marks attestations, which nothing runs. */
const NO_PLATFORM = 'unknown';

/**
 * Reads a layout and checks it all but for the content of layers, whose sizes are compared: digests, sizes and media types of the documents, that every layer is there or
 * listed in base.json, that nothing in it is a link.
 * `reference`: which one to take when index.json names several (`org.opencontainers.image.ref.name`).
 * @throws DeployError ND-IMAGE-INVALID; ND-IMAGE-UNSUPPORTED for layers of other kinds than tar and gzip.
 */
export async function readLayout(folder: string, options: { readonly reference?: string } = {}): Promise<Layout> {
  for (const part of ['', 'blobs', 'blobs/sha256']) await assertFolder(join(folder, part));
  const marker = join(folder, 'oci-layout');
  if (parseObject(await document(marker), marker)['imageLayoutVersion'] !== '1.0.0') throw invalid(marker, 'its imageLayoutVersion is not 1.0.0');
  const file = join(folder, 'index.json');
  const roots = chosen(asIndex(parseObject(await document(file), file), file).manifests, file, options.reference);
  const indexes: Descriptor[] = [];
  const images: ReadImage[] = [];
  const seen = new Set<Digest>();
  const visit = async (descriptor: Descriptor, depth: number): Promise<void> => {
    if (seen.has(descriptor.digest)) return;
    seen.add(descriptor.digest);
    if (depth > DEEPEST) throw invalid(file, 'indexes are nested too deeply');
    if (descriptor.platform?.os === NO_PLATFORM) return;
    if (isManifest(descriptor.mediaType)) images.push(await readImage(folder, descriptor));
    else if (isIndex(descriptor.mediaType)) {
      indexes.push(descriptor);
      const where = blobFile(folder, descriptor.digest);
      const { manifests } = asIndex(parseObject(await verified(folder, descriptor), where), where, descriptor.mediaType);
      for (const inner of manifests) await visit(inner, depth + 1);
    } else throw invalid(file, `${descriptor.digest} is neither a manifest nor an index`);
  };
  for (const root of roots) await visit(root, 1);
  assertPlatforms(images, file);
  return { folder, roots, indexes, images, ...await layersOf(folder, images) };
}

/** Different names of one image are one. */
function chosen(manifests: readonly Descriptor[], file: string, reference: string | undefined): readonly Descriptor[] {
  const named = reference === undefined ? manifests : manifests.filter(({ annotations }) => annotations?.[REF_NAME] === reference);
  if (named.length === 0) throw invalid(file, reference === undefined ? 'it names no image' : `it names no image ${JSON.stringify(reference)}`);
  return [...new Map(named.map((descriptor) => [descriptor.digest, descriptor])).values()];
}

async function readImage(folder: string, descriptor: Descriptor): Promise<ReadImage> {
  const where = blobFile(folder, descriptor.digest);
  const manifest = asManifest(parseObject(await verified(folder, descriptor), where), where, descriptor.mediaType);
  const configFile = blobFile(folder, manifest.config.digest);
  const config = asConfig(parseObject(await verified(folder, manifest.config), configFile), configFile, manifest.layers.length);
  const { os, architecture, variant } = config;
  const platform = descriptor.platform ?? { os, architecture, ...(variant === undefined ? {} : { variant }) };
  if (platform.os !== os || platform.architecture !== architecture) throw invalid(configFile, `it is for ${platformName(config)}, and what names it says ${platformName(platform)}`);
  return { descriptor, manifest, config, platform };
}

function assertPlatforms(images: readonly ReadImage[], file: string): void {
  if (images.length === 0) throw invalid(file, 'it leads to no image');
  const names = images.map(({ platform }) => platformName(platform));
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw invalid(file, `it leads to several images for ${twice}; name the one to take`);
}

async function layersOf(folder: string, images: readonly ReadImage[]): Promise<Pick<Layout, 'absent' | 'base'>> {
  const layers = new Map<Digest, Descriptor>();
  for (const { manifest } of images) for (const layer of manifest.layers) layers.set(layer.digest, layer);
  const where = join(folder, BASE_FILE);
  const base = await isThere(where) ? readBase(await document(where), where, layers) : new Map<Digest, BaseBlob>();
  const absent = new Map<Digest, BaseBlob>();
  for (const { digest, size } of layers.values()) {
    const file = blobFile(folder, digest);
    const found = await lstat(file).catch(ignoreMissing);
    const listed = base.get(digest);
    if (found === undefined && listed !== undefined) absent.set(digest, listed);
    else if (found === undefined) throw invalid(file, `a layer is missing, and ${BASE_FILE} does not tell where it comes from`);
    else if (!found.isFile()) throw invalid(file, 'it is no regular file');
    else if (found.size !== size) throw invalid(file, `it has ${found.size} bytes, and its manifest says ${size}`);
  }
  return { absent, base };
}

async function verified(folder: string, { digest, size }: Descriptor): Promise<Buffer> {
  const file = blobFile(folder, digest);
  if (size > DOCUMENT_LIMIT) throw invalid(file, `it is a document of more than ${DOCUMENT_LIMIT} bytes`);
  const content = await document(file);
  if (content.length !== size) throw invalid(file, `it has ${content.length} bytes, and what names it says ${size}`);
  if (digestOf(content) !== digest) throw invalid(file, 'its content has another digest');
  return content;
}

/** Never follows a link, never hangs on a pipe, never reads more than the limit. */
async function document(file: string): Promise<Buffer> {
  try {
    const handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const stat = await handle.stat();
      if (!stat.isFile()) throw invalid(file, 'it is no regular file');
      if (stat.size > DOCUMENT_LIMIT) throw invalid(file, `it is a document of more than ${DOCUMENT_LIMIT} bytes`);
      return await handle.readFile();
    } finally {
      await handle.close();
    }
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') throw invalid(file, 'it is missing');
    if (code === 'ELOOP' || code === 'ENXIO') throw invalid(file, 'it is no regular file');
    throw error;
  }
}

async function assertFolder(folder: string): Promise<void> {
  const found = await lstat(folder).catch(ignoreMissing);
  if (found === undefined) throw invalid(folder, 'there is no such folder');
  if (!found.isDirectory()) throw invalid(folder, 'it is a link or a file, not a folder');
}

async function isThere(file: string): Promise<boolean> {
  return await lstat(file).catch(ignoreMissing) !== undefined;
}

function ignoreMissing(error: unknown): undefined {
  const code = errorCode(error);
  if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error;
}

