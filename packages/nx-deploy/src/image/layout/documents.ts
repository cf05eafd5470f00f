/** Reads the JSON documents of an image. They come from outside: every field that is used is checked. */
import { isDigest } from '../digest.js';
import { MEDIA_TYPES, type Descriptor, type ImageConfig, type Index, type Manifest, type Platform } from '../oci.js';
import { invalid, unsupported } from './failures.js';

const INDEXES: readonly string[] = [MEDIA_TYPES.index, MEDIA_TYPES.dockerIndex];
const MANIFESTS: readonly string[] = [MEDIA_TYPES.manifest, MEDIA_TYPES.dockerManifest];
const CONFIGS: readonly string[] = [MEDIA_TYPES.config, MEDIA_TYPES.dockerConfig];
const LAYERS: readonly string[] = [MEDIA_TYPES.layer, MEDIA_TYPES.layerTar, MEDIA_TYPES.dockerLayer];
/** Far above what engines take (127), far below what would fill memory. */
const MOST = 1_000;

type Fields = Readonly<Record<string, unknown>>;

export const isIndex = (mediaType: string): boolean => INDEXES.includes(mediaType);
export const isManifest = (mediaType: string): boolean => MANIFESTS.includes(mediaType);

export function parseObject(text: Buffer, where: string): Fields {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(text));
  } catch {
    throw invalid(where, 'it is not JSON');
  }
  return asObject(value, where, 'it');
}

/** `mediaType`: what the descriptor of the document says, which the document itself may not contradict. */
export function asIndex(fields: Fields, where: string, mediaType: string = MEDIA_TYPES.index): Index {
  head(fields, where, mediaType);
  return { schemaVersion: 2, mediaType, manifests: listOf(fields['manifests'], where, 'manifests').map((value) => asDescriptor(value, where)) };
}

export function asManifest(fields: Fields, where: string, mediaType: string): Manifest {
  head(fields, where, mediaType);
  const config = asDescriptor(fields['config'], where);
  if (!CONFIGS.includes(config.mediaType)) throw unsupported(where, `its configuration has the media type ${shown(config.mediaType)}`);
  const layers = listOf(fields['layers'], where, 'layers').map((value) => asDescriptor(value, where));
  for (const { mediaType: type } of layers) {
    if (!LAYERS.includes(type)) throw unsupported(where, `a layer has the media type ${shown(type)}`);
  }
  return { schemaVersion: 2, mediaType, config, layers };
}

/** Only what has to fit the manifest is checked; the rest is the engine's concern. */
export function asConfig(fields: Fields, where: string, layers: number): ImageConfig {
  const { diff_ids: diffIds } = asObject(fields['rootfs'], where, 'rootfs');
  const digests = listOf(diffIds, where, 'rootfs.diff_ids');
  if (!digests.every((digest) => typeof digest === 'string' && isDigest(digest))) throw invalid(where, 'rootfs.diff_ids holds what is no sha256 digest');
  if (digests.length !== layers) throw invalid(where, `rootfs.diff_ids has ${digests.length} digests for ${layers} layers`);
  if (asPlatform(fields, where) === undefined) throw invalid(where, 'it names no os and architecture');
  return fields as unknown as ImageConfig;
}

export function asPlatform(fields: Fields, where: string): Platform | undefined {
  const { os, architecture, variant } = fields;
  if (os === undefined && architecture === undefined) return undefined;
  if (!isWord(os) || !isWord(architecture)) throw invalid(where, 'os and architecture must be words');
  if (variant === undefined || variant === '') return { os, architecture };
  if (!isWord(variant)) throw invalid(where, 'the variant of the platform must be a word');
  return { os, architecture, variant };
}

/** `linux/arm64` or `linux/arm/v7` */
export function platformName({ os, architecture, variant }: Platform): string {
  return [os, architecture, ...(variant === undefined ? [] : [variant])].join('/');
}

export function asDescriptor(value: unknown, where: string): Descriptor {
  const { mediaType, digest, size, platform, annotations, urls } = asObject(value, where, 'a descriptor');
  if (typeof mediaType !== 'string' || mediaType === '') throw invalid(where, 'a descriptor has no media type');
  if (typeof digest !== 'string' || !isDigest(digest)) throw invalid(where, `a descriptor has the digest ${shown(digest)}, and only sha256 with 64 hexadecimal digits is read`);
  if (!isSize(size)) throw invalid(where, `the descriptor of ${digest} has no size in bytes`);
  if (Array.isArray(urls) && urls.length > 0) throw unsupported(where, `the content of ${digest} lies elsewhere (foreign layer)`);
  const found = platform === undefined ? undefined : asPlatform(asObject(platform, where, 'platform'), where);
  return {
    mediaType, digest, size,
    ...(found === undefined ? {} : { platform: found }),
    ...(annotations === undefined ? {} : { annotations: asTexts(annotations, where) }),
  };
}

function head(fields: Fields, where: string, mediaType: string): void {
  if (fields['schemaVersion'] === 1) throw unsupported(where, 'it has schema version 1');
  if (fields['schemaVersion'] !== 2) throw invalid(where, 'its schemaVersion is not 2');
  const own = fields['mediaType'];
  if (own !== undefined && own !== mediaType) throw invalid(where, `it calls itself ${shown(own)}, and what names it says ${shown(mediaType)}`);
}

function asTexts(value: unknown, where: string): Readonly<Record<string, string>> {
  const texts = Object.entries(asObject(value, where, 'annotations'));
  return Object.fromEntries(texts.map(([key, text]) => {
    if (typeof text !== 'string') throw invalid(where, `the annotation ${shown(key)} is no text`);
    return [key, text];
  }));
}

export function asObject(value: unknown, where: string, name: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid(where, `${name} is no object`);
  return value as Fields;
}

export function listOf(value: unknown, where: string, name: string): readonly unknown[] {
  if (!Array.isArray(value)) throw invalid(where, `${name} is no list`);
  if (value.length > MOST) throw invalid(where, `${name} has more than ${MOST} entries`);
  return value;
}

export function isSize(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function isWord(value: unknown): value is string {
  return typeof value === 'string' && /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(value);
}

function shown(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value.slice(0, 100)).replace(/[^ -~]/g, '?') : 'of no text';
}
