import type { BlobStore } from '../blobs/store.js';
import type { Entry } from '../layer/entry.js';
import { writeTar, type Sink } from '../layer/tar.js';
import { MEDIA_TYPES, type Digest, type Platform } from '../oci.js';
import { fileOf } from './complete.js';
import { platformName } from './documents.js';
import { invalid } from './failures.js';
import { stableJson } from './json.js';
import type { Layout, ReadImage } from './read.js';

export interface ArchiveOptions {
  readonly platform: Platform;
  /** `name:tag` that the engine gives to the image; none by default. */
  readonly tags?: readonly string[];
}

/** A fixed time: the archive of an image is always the same. */
const MTIME = 1;

/**
 * The image of one platform as `docker load` takes it (Docker Image Specification v1.2, "Combined Image JSON + Filesystem Changeset Format"). Layers stay compressed: engines
 * and skopeo see that. What is absent has to be in the store: see `ensureBase`.
 */
export async function writeDockerArchive(layout: Layout, store: BlobStore, { platform, tags = [] }: ArchiveOptions, sink: Sink): Promise<void> {
  const { manifest } = imageFor(layout, platform);
  const config = `${hex(manifest.config.digest)}.json`;
  const layers = manifest.layers.map(({ digest, mediaType }) => `${hex(digest)}.${mediaType === MEDIA_TYPES.layerTar ? 'tar' : 'tar.gz'}`);
  const list = stableJson([{ Config: config, RepoTags: tags, Layers: layers }]);
  const files = new Map<string, Entry>([['manifest.json', { path: 'manifest.json', type: 'file', mode: 0o644, source: list }]]);
  const add = async (path: string, digest: Digest, size: number): Promise<void> => {
    files.set(path, { path, type: 'file', mode: 0o644, source: await fileOf(layout, store, digest), size });
  };
  await add(config, manifest.config.digest, manifest.config.size);
  for (const [index, { digest, size }] of manifest.layers.entries()) await add(layers[index] ?? '', digest, size);
  await writeTar(files.values(), sink, MTIME);
}

/** The image for a platform; a platform without a variant takes any of its architecture. */
export function imageFor(layout: Layout, platform: Platform): ReadImage {
  const { os, architecture, variant } = platform;
  const fits = layout.images.filter((image) => image.platform.os === os && image.platform.architecture === architecture);
  const found = fits.find((image) => image.platform.variant === variant) ?? (variant === undefined ? fits[0] : undefined);
  if (found !== undefined) return found;
  throw invalid(layout.folder, `there is no image for ${platformName(platform)}; there is ${layout.images.map((image) => platformName(image.platform)).join(', ')}`);
}

function hex(digest: Digest): string {
  return digest.slice('sha256:'.length);
}
