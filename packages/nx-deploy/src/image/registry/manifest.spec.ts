import { parseManifest } from './manifest.js';
import { MEDIA_TYPES } from '../oci.js';

const digest = `sha256:${'0'.repeat(64)}`;
const layer = { mediaType: MEDIA_TYPES.layer, digest, size: 1 };
const config = { mediaType: MEDIA_TYPES.config, digest, size: 2 };
const manifest = { schemaVersion: 2, mediaType: MEDIA_TYPES.manifest, config, layers: [layer] };
const index = { schemaVersion: 2, mediaType: MEDIA_TYPES.index, manifests: [{ mediaType: MEDIA_TYPES.manifest, digest, size: 3, platform: { os: 'linux', architecture: 'arm', variant: 'v7' } }] };
const parse = (value: unknown, type: string = MEDIA_TYPES.manifest) => parseManifest(Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)), type, 'x');

it('reads manifests and indexes of OCI and Docker', () => {
  expect(parse(manifest)).toEqual({ kind: 'manifest', manifest });
  expect(parse({ ...manifest, mediaType: MEDIA_TYPES.dockerManifest }, MEDIA_TYPES.dockerManifest)).toMatchObject({ kind: 'manifest' });
  expect(parse(index, MEDIA_TYPES.index)).toEqual({ kind: 'index', index });
  const { mediaType: _, ...untyped } = index;
  expect(parse(untyped, MEDIA_TYPES.index)).toEqual({ kind: 'index', index });
});

it.each<[string, unknown, string]>(([
  ['schema 1 by its type', manifest, 'application/vnd.docker.distribution.manifest.v1+json'], ['schema 1 by its number', { schemaVersion: 1 }],
  ['another artifact', manifest, 'application/vnd.oci.artifact.manifest.v1+json'], ['two kinds at once', { ...manifest, manifests: [] }], ['an index with layers', { ...index, layers: [] }, MEDIA_TYPES.index],
  ['another type than it is called', { ...manifest, mediaType: MEDIA_TYPES.index }], ['a foreign layer', { ...manifest, layers: [{ ...layer, urls: ['https://x'] }] }],
  ['a foreign layer by its type', { ...manifest, layers: [{ ...layer, mediaType: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip' }] }],
] as [string, unknown, string?][]).map(([name, value, type]) => [name, value, type ?? MEDIA_TYPES.manifest]))('does not handle %s', (_, value, type) => {
  expect(() => parse(value, type)).toThrow(expect.objectContaining({ code: 'ND-IMAGE-UNSUPPORTED' }));
});

it.each<[string, unknown, string]>(([
  ['no JSON', '{'], ['a list', []], ['null', 'null'], ['no layers', { ...manifest, layers: undefined }], ['layers that are none', { ...manifest, layers: [null] }], ['too many', { ...manifest, layers: Array(5_001).fill(layer) }],
  ['a wrong digest', { ...manifest, layers: [{ ...layer, digest: '../../x' }] }], ['a negative size', { ...manifest, layers: [{ ...layer, size: -1 }] }], ['a size that is text', { ...manifest, config: { ...config, size: '1' } }],
  ['a type with a line feed', { ...manifest, layers: [{ ...layer, mediaType: 'a/b\nc' }] }], ['a platform without os', { ...index, manifests: [{ ...layer, platform: {} }] }, MEDIA_TYPES.index], ['annotations of numbers', { ...manifest, annotations: { a: 1 } }],
  ['schema 3', { ...manifest, schemaVersion: 3 }],
] as [string, unknown, string?][]).map(([name, value, type]) => [name, value, type ?? MEDIA_TYPES.manifest]))('is no manifest: %s', (_, value, type) => {
  expect(() => parse(value, type)).toThrow(expect.objectContaining({ code: 'ND-REGISTRY-DAMAGED' }));
});
