/** The image that ours stands on: its documents for each platform. Its layers stay where they are until somebody needs them. */
import { relative, sep } from 'node:path';
import type { BuildSite } from '../../builder.js';
import { DeployError } from '../../../errors.js';
import { blobFile, readLayout, type Layout, type ReadImage } from '../../layout/read.js';
import type { LayerToWrite } from '../../layout/write.js';
import type { Descriptor, Digest, Platform } from '../../oci.js';
import { formatReference, parseReference, withTag, type Reference } from '../../registry/index.js';
import { checkedConfig, type BaseConfig } from './base-config.js';
import { baseDocuments, type BaseDocuments, type ImageDocuments } from './base-documents.js';
import { assertGoesOn } from './cancelled.js';
import { noSuchPlatform, pick } from './platforms.js';

export interface BaseImage {
  /** As its configuration says, variant included. */
  readonly platform: Platform;
  readonly config: BaseConfig;
  /** In the store, or with `from`. */
  readonly layers: readonly LayerToWrite[];
  /** Of its manifest. */
  readonly digest: Digest;
}

export interface Base {
  /** As it was given; the folder of a layout is relative to the workspace, as everything of this machine stays out of what is built. */
  readonly reference: string;
  /** `host/repository:tag`, for a label; undefined for a layout. */
  readonly name?: string;
  /** Of the index, or of the only manifest. */
  readonly digest: Digest;
  /** In the order of the platforms. */
  readonly images: readonly BaseImage[];
}

const LAYOUT_PREFIX = 'oci:';

/**
 * @throws DeployError ND-IMAGE-UNSUPPORTED for a platform that it does not have, or layers of other kinds than tar and gzip; ND-IMAGE-INVALID; ND-REGISTRY-*. A tag is
 * always asked for: what it meant the last time is never taken in its place.
 */
export async function resolveBase(text: string, platforms: readonly Platform[], site: BuildSite): Promise<Base> {
  return text.startsWith(LAYOUT_PREFIX) ? fromLayout(text.slice(LAYOUT_PREFIX.length), platforms, site) : fromRegistry(text, platforms, site);
}

async function fromRegistry(text: string, platforms: readonly Platform[], site: BuildSite): Promise<Base> {
  const reference = withTag(parseReference(text));
  const documents = baseDocuments(reference, site);
  const root = await documents.root().catch((thrown: unknown) => { throw withPinning(thrown, reference, text); });
  const images: BaseImage[] = [];
  for (const platform of platforms) {
    const { descriptor, manifest, config, where } = await chosen(root.manifests, documents, platform, text);
    const from = formatReference({ registry: reference.registry, name: reference.name, digest: descriptor.digest });
    images.push({
      platform: platformOf(config), config: checkedConfig(config, where), digest: descriptor.digest,
      layers: manifest.layers.map(({ digest, size, mediaType }) => ({ digest, size, mediaType, from })),
    });
  }
  const { digest: _, ...named } = reference;
  return { reference: text, digest: root.digest, images, ...(reference.tag === undefined ? {} : { name: formatReference(named) }) };
}

/** Most indexes tell the platforms; where one does not, the configurations do. */
async function chosen(manifests: readonly Descriptor[], documents: BaseDocuments, asked: Platform, text: string): Promise<ImageDocuments> {
  const told = pick(manifests, ({ platform }) => platform, asked);
  if (told !== undefined) {
    const image = await documents.image(told);
    if (pick([image.config], platformOf, { ...asked, ...variantOf(image.config) }) === undefined) throw noSuchPlatform(asked, text, [platformOf(image.config)]);
    return image;
  }
  const silent: ImageDocuments[] = [];
  for (const descriptor of manifests) if (descriptor.platform === undefined) silent.push(await documents.image(descriptor));
  const found = pick(silent, ({ config }) => platformOf(config), asked);
  if (found !== undefined) return found;
  throw noSuchPlatform(asked, text, [...manifests.flatMap(({ platform }) => (platform === undefined || platform.os === 'unknown' ? [] : [platform])), ...silent.map(({ config }) => platformOf(config))]);
}

async function fromLayout(folder: string, platforms: readonly Platform[], site: BuildSite): Promise<Base> {
  const reference = `${LAYOUT_PREFIX}${relative(site.workspaceRoot, folder).split(sep).join('/')}`;
  const layout = await readLayout(folder);
  const found = platforms.map((platform) => pick(layout.images, (image) => image.platform, platform) ?? platform);
  const images: BaseImage[] = [];
  for (const image of found) {
    if (!('manifest' in image)) throw noSuchPlatform(image, reference, layout.images.map(({ platform }) => platform));
    const { config, descriptor } = image;
    images.push({ platform: platformOf(config), config: checkedConfig(config, reference), digest: descriptor.digest, layers: await layersOf(layout, image, site) });
  }
  const [root, ...others] = layout.roots;
  const digest = root === undefined || others.length > 0 ? images[0]?.digest : root.digest;
  if (digest === undefined) throw noSuchPlatform({ os: 'linux', architecture: 'amd64' }, reference, []);
  return { reference, digest, images };
}

/** Into the store, so that the folder may change or go while the image is put together. */
async function layersOf(layout: Layout, { manifest }: ReadImage, { store, signal }: BuildSite): Promise<readonly LayerToWrite[]> {
  const layers: LayerToWrite[] = [];
  for (const { digest, size, mediaType } of manifest.layers) {
    assertGoesOn(signal);
    if (!layout.absent.has(digest) && !await store.has(digest, size)) await store.adopt(blobFile(layout.folder, digest), { digest, size });
    const known = layout.base.get(digest);
    layers.push({ digest, size, mediaType, ...(known === undefined ? {} : { from: known.from }) });
  }
  return layers;
}

function platformOf({ os, architecture, variant }: Platform): Platform {
  return { os, architecture, ...variantOf({ variant }) };
}

/** Docker writes an empty text where there is none. */
function variantOf({ variant }: { readonly variant?: string | undefined }): { readonly variant?: string } {
  return variant === undefined || variant === '' ? {} : { variant };
}

/** Whoever builds without a network learns here how. */
function withPinning(thrown: unknown, { digest }: Reference, text: string): unknown {
  if (!(thrown instanceof DeployError) || thrown.code !== 'ND-REGISTRY-UNREACHABLE' || digest !== undefined) return thrown;
  const { next = 'check the network' } = thrown.parts;
  const pinned = `${text}@sha256:...`;
  return new DeployError(thrown.code, {
    ...thrown.parts,
    next: `${next}. What a tag means is asked for at each build; a base that is pinned by its digest (${pinned}, the digest stands as base in image.json of an earlier build) needs no registry once it was fetched`,
  }, { cause: thrown });
}
