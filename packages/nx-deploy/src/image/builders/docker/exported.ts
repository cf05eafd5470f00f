/** The image in an archive that an engine wrote: docker-archive (Docker Image Specification v1.2), or an OCI layout in a tar. */
import { digestOf } from '../../digest.js';
import { asConfig, asIndex, asManifest, asObject, isIndex, listOf, parseObject, platformName } from '../../layout/documents.js';
import { DOCUMENT_LIMIT } from '../../layout/read.js';
import type { Descriptor, ImageConfig } from '../../oci.js';
import type { ArchiveFile } from './archive-file.js';
import { badArchive } from './failures.js';

export interface Exported {
  /** As the engine wrote it; only what has to fit the layers is checked. */
  readonly config: ImageConfig;
  /** Names of members, in the order of the config's diff_ids: a tar, perhaps compressed by gzip. */
  readonly layers: readonly string[];
}

/** Index of indexes: more is nobody's image. */
const DEEPEST = 3;

/** @throws DeployError ND-IMAGE-INVALID, ND-IMAGE-UNSUPPORTED */
export async function readExported(archive: ArchiveFile): Promise<Exported> {
  return archive.has('manifest.json') ? dockerArchive(archive) : ociArchive(archive);
}

async function dockerArchive(archive: ArchiveFile): Promise<Exported> {
  const where = 'manifest.json';
  const { images: list } = parseObject(Buffer.concat([Buffer.from('{"images":'), await archive.read(where, DOCUMENT_LIMIT), Buffer.from('}')]), where);
  const images = listOf(list, where, 'it');
  if (images.length !== 1) throw badArchive(`it holds ${images.length} images instead of one`);
  const { Config: configName, Layers: layers } = asObject(images[0], where, 'an image');
  const names = listOf(layers ?? [], where, 'Layers');
  if (typeof configName !== 'string' || !names.every((name) => typeof name === 'string')) throw badArchive(`${where} does not name the parts of the image`);
  const content = await archive.read(configName, DOCUMENT_LIMIT);
  const named = /(?:^|\/)([0-9a-f]{64})(?:\.json)?$/.exec(configName)?.[1];
  if (named !== undefined && digestOf(content) !== `sha256:${named}`) throw badArchive('its configuration has another digest than its name says');
  return { config: asConfig(parseObject(content, configName), configName, names.length), layers: names };
}

async function ociArchive(archive: ArchiveFile): Promise<Exported> {
  const where = 'index.json';
  let found = asIndex(parseObject(await archive.read(where, DOCUMENT_LIMIT), where), where).manifests;
  for (let depth = 1; ; depth += 1) {
    // What has no platform is an attestation, which nothing runs.
    const usable = found.filter(({ platform }) => platform?.os !== 'unknown');
    const [only] = usable;
    if (only === undefined || usable.length > 1) throw badArchive(`it holds ${usable.length} images instead of one: ${usable.map(({ platform }) => (platform === undefined ? '?' : platformName(platform))).join(', ')}`);
    const content = await verified(archive, only);
    if (!isIndex(only.mediaType)) return image(archive, only, content);
    if (depth > DEEPEST) throw badArchive('its indexes are nested too deeply');
    found = asIndex(parseObject(content, only.digest), only.digest, only.mediaType).manifests;
  }
}

async function image(archive: ArchiveFile, { mediaType, digest }: Descriptor, content: Buffer): Promise<Exported> {
  const { config, layers } = asManifest(parseObject(content, digest), digest, mediaType);
  return { config: asConfig(parseObject(await verified(archive, config), config.digest), config.digest, layers.length), layers: layers.map(blobName) };
}

async function verified(archive: ArchiveFile, descriptor: Descriptor): Promise<Buffer> {
  const content = await archive.read(blobName(descriptor), DOCUMENT_LIMIT);
  if (content.length !== descriptor.size || digestOf(content) !== descriptor.digest) throw badArchive(`${descriptor.digest} is not what its digest says`);
  return content;
}

function blobName({ digest }: Descriptor): string {
  return `blobs/sha256/${digest.slice('sha256:'.length)}`;
}
