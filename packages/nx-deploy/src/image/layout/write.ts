import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { guarded, LAYOUT } from '../blobs/failures.js';
import type { BlobStore } from '../blobs/store.js';
import { digestOf } from '../digest.js';
import { MEDIA_TYPES, type Descriptor, type Digest, type ImageConfig, type Platform } from '../oci.js';
import { BASE_FILE, writeBase, type BaseBlob } from './base.js';
import { copyBlob, takeBlob } from './copy.js';
import { platformName } from './documents.js';
import { invalid } from './failures.js';
import { stableJson } from './json.js';
import { blobFile } from './read.js';
import { place } from './place.js';

export interface ImageToWrite {
  readonly config: ImageConfig;
  /** As many as `config.rootfs.diff_ids`, in the same order, the lowest first. All of them in the store, or `from` a registry. */
  readonly layers: readonly LayerToWrite[];
  /** Of the manifest. */
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface LayerToWrite {
  readonly digest: Digest;
  /** Bytes, compressed. */
  readonly size: number;
  /** `tar+gzip` by default. Docker's own types become those of OCI, as their content is the same. */
  readonly mediaType?: string;
  /** The layer is of the base image, and is not copied into the folder unless it is to be whole: see {@link BaseBlob.from}. */
  readonly from?: string;
}

export interface WrittenLayout {
  /** The manifest, or the index of several platforms: its digest is the digest of the image. */
  readonly root: Descriptor;
  /** The manifest of each image, in the order given. */
  readonly manifests: readonly Descriptor[];
}

export interface WriteOptions {
  readonly store: BlobStore;
  /** Copies the layers of the base image too; they must be in the store. */
  readonly full?: boolean;
  /** The folder takes its place when this resolves; when it rejects, nothing has changed. */
  readonly ready?: Promise<unknown>;
}

/**
 * Writes the folder anew, whatever image was there before; another kind of folder is refused. It is complete or as it was, whatever ends this process.
 * The same images give the same bytes in every file.
 * @throws DeployError ND-IMAGE-INCOMPLETE for a layer that is not in the store; ND-DISK-FULL, ND-IMAGE-STORE when it cannot be written.
 */
export async function writeLayout(folder: string, images: readonly ImageToWrite[], { store, full = false, ready }: WriteOptions): Promise<WrittenLayout> {
  assertImages(folder, images);
  const layers = new Map(images.flatMap((image) => image.layers.map((layer) => [layer.digest, layer])));
  return place(folder, async (temporary) => {
    await guarded(temporary, () => mkdir(join(temporary, 'blobs', 'sha256'), { recursive: true }), LAYOUT);
    const base: BaseBlob[] = [];
    for (const { digest, size, mediaType, from } of layers.values()) {
      if (from !== undefined) base.push({ digest, size, mediaType: ociType(mediaType), from });
      if ((from === undefined || full) && !await takeBlob(store, { digest, size }, folder, temporary)) await copyBlob(store, { digest, size }, temporary);
    }
    const write = (name: string, content: Buffer): Promise<void> => guarded(temporary, () => writeFile(join(temporary, name), content), LAYOUT);
    const add = async (mediaType: string, value: unknown): Promise<Descriptor> => {
      const content = stableJson(value);
      const digest = digestOf(content);
      await guarded(temporary, () => writeFile(blobFile(temporary, digest), content), LAYOUT);
      return { mediaType, digest, size: content.length };
    };
    const manifests: Descriptor[] = [];
    for (const image of images) manifests.push(await addImage(image, add));
    const [first] = manifests;
    const root = first !== undefined && manifests.length === 1 ? first : await add(MEDIA_TYPES.index, { schemaVersion: 2, mediaType: MEDIA_TYPES.index, manifests });
    await write(BASE_FILE, writeBase(base));
    await write('oci-layout', stableJson({ imageLayoutVersion: '1.0.0' }));
    await write('index.json', stableJson({ schemaVersion: 2, mediaType: MEDIA_TYPES.index, manifests: [root] }));
    await ready;
    return { root, manifests };
  });
}

type Add = (mediaType: string, value: unknown) => Promise<Descriptor>;

async function addImage({ config, layers, annotations }: ImageToWrite, add: Add): Promise<Descriptor> {
  const descriptor = await add(MEDIA_TYPES.config, config);
  const manifest = await add(MEDIA_TYPES.manifest, {
    schemaVersion: 2, mediaType: MEDIA_TYPES.manifest, config: descriptor,
    layers: layers.map(({ digest, size, mediaType }) => ({ mediaType: ociType(mediaType), digest, size })), annotations,
  });
  return { ...manifest, platform: platformOf(config) };
}

function platformOf({ os, architecture, variant }: Platform): Platform {
  return { os, architecture, ...(variant === undefined ? {} : { variant }) };
}

function ociType(mediaType: string = MEDIA_TYPES.layer): string {
  return mediaType === MEDIA_TYPES.dockerLayer ? MEDIA_TYPES.layer : mediaType;
}

function assertImages(folder: string, images: readonly ImageToWrite[]): void {
  if (images.length === 0) throw invalid(folder, 'there is no image to write');
  const platforms = images.map(({ config }) => platformName(config));
  const twice = platforms.find((name, index) => platforms.indexOf(name) !== index);
  if (twice !== undefined) throw invalid(folder, `there are two images for ${twice}`);
  for (const { config, layers } of images) {
    if (config.rootfs.diff_ids.length !== layers.length) throw invalid(folder, `the image for ${platformName(config)} has ${layers.length} layers and ${config.rootfs.diff_ids.length} diff_ids`);
  }
}
