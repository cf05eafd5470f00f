/** Manifests and configurations of a base image: from the store where they are known by their digest, else from the registry. */
import type { BuildSite } from '../../builder.js';
import { DeployError } from '../../../errors.js';
import { asConfig, asManifest, parseObject } from '../../layout/documents.js';
import { DOCUMENT_LIMIT } from '../../layout/read.js';
import { MEDIA_TYPES, type Descriptor, type Digest, type ImageConfig, type Manifest } from '../../oci.js';
import { formatReference, parseManifest, type Reference, type RegistryEvent } from '../../registry/index.js';
import { collected } from './collected.js';

export interface ImageDocuments {
  readonly descriptor: Descriptor;
  readonly manifest: Manifest;
  readonly config: ImageConfig;
  /** For messages. */
  readonly where: string;
}

export interface BaseDocuments {
  /** The digest that the reference means, and the manifests there; one when it is no index. */
  root(): Promise<{ readonly digest: Digest; readonly manifests: readonly Descriptor[] }>;
  image(descriptor: Descriptor): Promise<ImageDocuments>;
}

/** With a digest in the reference nothing is asked once all is in the store; with a tag it takes one HEAD. */
export function baseDocuments(reference: Reference, { store, registries, signal, onEvent }: BuildSite): BaseDocuments {
  const options = { onEvent: (event: RegistryEvent) => onEvent({ type: 'registry', event }), ...(signal === undefined ? {} : { signal }) };
  const named = (digest: Digest): string => formatReference({ ...reference, digest });

  /** A damaged copy is gone after it was read, and is fetched again. */
  const known = async (digest: Digest): Promise<Buffer | undefined> => {
    if (!await store.has(digest)) return undefined;
    return store.read(digest, DOCUMENT_LIMIT).catch((thrown: unknown) => {
      if (thrown instanceof DeployError && ['ND-IMAGE-INVALID', 'ND-IMAGE-INCOMPLETE'].includes(thrown.code)) return undefined;
      throw thrown;
    });
  };
  const manifestOf = async (digest: Digest, expected: Descriptor | undefined): Promise<{ readonly body: Buffer; readonly mediaType: string }> => {
    const there = await known(digest);
    if (there !== undefined) return { body: there, mediaType: expected?.mediaType ?? typeOf(there) };
    const { body, descriptor } = await registries.manifest({ ...reference, digest }, expected, options);
    await store.put([body], { digest });
    return { body, mediaType: descriptor.mediaType };
  };
  const configOf = async (blob: Descriptor): Promise<Buffer> => {
    if (blob.size > DOCUMENT_LIMIT) throw new DeployError('ND-IMAGE-INVALID', { what: 'the base image is not valid', where: named(blob.digest), why: `its configuration has more than ${DOCUMENT_LIMIT} bytes`, next: NEXT });
    const there = await known(blob.digest);
    if (there !== undefined) return there;
    const body = await registries.blob(reference, blob, collected, options);
    await store.put([body], { digest: blob.digest });
    return body;
  };
  return {
    root: async () => {
      const expected = reference.digest === undefined ? await registries.resolve(reference, options) : undefined;
      const digest = expected?.digest ?? reference.digest;
      if (digest === undefined) throw new Error('a reference has a tag or a digest');
      const { body, mediaType } = await manifestOf(digest, expected);
      const document = parseManifest(body, mediaType, named(digest));
      return { digest, manifests: document.kind === 'index' ? document.index.manifests.filter(isImage) : [{ mediaType, digest, size: body.length }] };
    },
    image: async (descriptor) => {
      const where = named(descriptor.digest);
      const { body } = await manifestOf(descriptor.digest, descriptor);
      parseManifest(body, descriptor.mediaType, where);
      const manifest = ofBase(() => asManifest(parseObject(body, where), where, descriptor.mediaType), where);
      const text = await configOf(manifest.config);
      return { descriptor, manifest, where, config: ofBase(() => asConfig(parseObject(text, where), where, manifest.layers.length), where) };
    },
  };
}

const NEXT = 'name another base image, or push that one again with a current tool';

/** Attestations and the like stand beside the images. */
function isImage({ mediaType, platform }: Descriptor): boolean {
  return (mediaType === MEDIA_TYPES.manifest || mediaType === MEDIA_TYPES.dockerManifest) && platform?.os !== 'unknown';
}

/** What a registry calls a document is not kept with it. Docker's say it themselves, those of OCI may leave it out. */
function typeOf(body: Buffer): string {
  const { mediaType, manifests } = parseObject(body, 'a manifest of the base image');
  if (typeof mediaType === 'string') return mediaType;
  return Array.isArray(manifests) ? MEDIA_TYPES.index : MEDIA_TYPES.manifest;
}

/** The checks are those of a layout; the message is about the base. */
function ofBase<T>(check: () => T, where: string): T {
  try {
    return check();
  } catch (thrown) {
    if (!(thrown instanceof DeployError)) throw thrown;
    const { why = thrown.parts.what } = thrown.parts;
    throw new DeployError(thrown.code, { what: 'the base image cannot be used', where, why, next: NEXT }, { cause: thrown });
  }
}
