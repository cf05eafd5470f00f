/** Documents of a base that are not what they should be, and what is in the store already. The registry is the test's. */
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '../../../shell/programs.spec-support.js';
import { digestOf } from '../../digest.js';
import { MEDIA_TYPES, type Descriptor, type Digest } from '../../oci.js';
import { parseManifest, parseReference, type Registries } from '../../registry/index.js';
import { baseDocuments, type BaseDocuments } from './base-documents.js';
import { siteIn, type TestSite } from './oci.spec-support.js';

const everything = temporaryFolder('base-documents');
const CONFIG = { os: 'linux', architecture: 'amd64', rootfs: { type: 'layers', diff_ids: [] } };
const bytes = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
const describedBy = (body: Buffer, mediaType: string): Descriptor => ({ mediaType, digest: digestOf(body), size: body.length });

/** One image with that configuration, and an index of it; `mediaType`: do the documents say what they are? */
function image(config: unknown = CONFIG, { said = true, size }: { readonly said?: boolean; readonly size?: number } = {}) {
  const text = bytes(config);
  const own = (mediaType: string): object => (said ? { mediaType } : {});
  const manifest = bytes({ schemaVersion: 2, ...own(MEDIA_TYPES.manifest), config: { ...describedBy(text, MEDIA_TYPES.config), ...(size === undefined ? {} : { size }) }, layers: [] });
  const descriptor = describedBy(manifest, MEDIA_TYPES.manifest);
  const attestation = { ...describedBy(Buffer.from('{}'), MEDIA_TYPES.manifest), platform: { os: 'unknown', architecture: 'unknown' } };
  const index = bytes({ schemaVersion: 2, ...own(MEDIA_TYPES.index), manifests: [{ ...descriptor, platform: { os: 'linux', architecture: 'amd64' } }, attestation] });
  return { descriptor, root: describedBy(index, MEDIA_TYPES.index), bodies: new Map<Digest, Buffer>([text, manifest, index].map((body) => [digestOf(body), body])) };
}

type Image = ReturnType<typeof image>;

function open({ root, descriptor, bodies }: Image, text = 'registry.example/node:22', signal?: AbortSignal): { readonly documents: BaseDocuments; readonly asked: string[]; readonly site: TestSite } {
  const asked: string[] = [];
  const bodyOf = (digest: Digest | undefined): Buffer => bodies.get(digest ?? root.digest) ?? Buffer.from('{}');
  const registries = {
    resolve: async () => { asked.push('resolve'); return root; },
    manifest: async ({ digest }, expected) => {
      asked.push('manifest');
      const body = bodyOf(digest);
      const { mediaType } = expected ?? (digest === descriptor.digest ? descriptor : root);
      return { ...parseManifest(body, mediaType, 'x'), body, descriptor: { mediaType, digest: digestOf(body), size: body.length } };
    },
    blob: async (_repository, { digest }, sink) => {
      asked.push('blob');
      return sink((await import('node:stream')).Readable.from([bodyOf(digest)]));
    },
  } satisfies Pick<Registries, 'resolve' | 'manifest' | 'blob'>;
  const site = siteIn(mkdtempSync(join(everything, 'n-')), { registries: registries as unknown as Registries, ...(signal === undefined ? {} : { signal }) });
  return { documents: baseDocuments(parseReference(text), site), asked, site };
}

it('asks for each document once, and knows those in the store by their digest, whether they say what they are or not', async () => {
  for (const said of [true, false]) {
    const made = image(CONFIG, { said });
    const { documents, asked } = open(made, `registry.example/node@${made.root.digest}`, AbortSignal.timeout(60_000));
    for (const expected of [['manifest', 'manifest', 'blob'], []]) {
      asked.length = 0;
      const { digest, manifests } = await documents.root();
      expect([digest, manifests.map((each) => each.digest)]).toEqual([made.root.digest, [made.descriptor.digest]]);
      expect((await documents.image(made.descriptor)).config).toMatchObject({ os: 'linux' });
      expect(asked).toEqual(expected);
    }
  }
});

it('is one image where the reference means a manifest', async () => {
  const made = image(CONFIG, { said: false });
  const { documents } = open(made, `registry.example/node@${made.descriptor.digest}`);
  for (const _ of [1, 2]) expect(await documents.root()).toEqual({ digest: made.descriptor.digest, manifests: [made.descriptor] });
});

it('asks what a tag means each time', async () => {
  const made = image();
  const { documents, asked } = open(made);
  await documents.root();
  await documents.root();
  expect(asked).toEqual(['resolve', 'manifest', 'resolve']);
});

it.each<[string, Image, string, RegExp]>([
  ['a configuration without layers', image({ os: 'linux', architecture: 'amd64' }), 'ND-IMAGE-INVALID', /rootfs/],
  ['a configuration that is a list', image([]), 'ND-IMAGE-INVALID', /object/],
  ['a configuration of another number of layers', image({ ...CONFIG, rootfs: { type: 'layers', diff_ids: [digestOf('x')] } }), 'ND-IMAGE-INVALID', /1 digests for 0|1 .* 0/],
  ['a configuration that is larger than any', image(CONFIG, { size: 100_000_000 }), 'ND-IMAGE-INVALID', /its configuration has more than \d+ bytes/],
])('refuses %s, and says that it is about the base', async (_, made, code, why) => {
  const { documents } = open(made);
  await expect(documents.image(made.descriptor)).rejects.toMatchObject({ code, parts: { what: expect.stringMatching(/^the base image /) as string, where: expect.stringMatching(/^registry\.example\/node:22@sha256:/) as string, why: expect.stringMatching(why) as string } });
});

it('does not take a store that cannot be read for one that has nothing', async () => {
  const made = image();
  const { documents, site } = open(made, `registry.example/node@${made.root.digest}`);
  await documents.root();
  jest.spyOn(site.store, 'read').mockRejectedValue(Object.assign(new Error('bad disk'), { code: 'EIO' }));
  await expect(documents.root()).rejects.toMatchObject({ code: 'EIO' });
});
