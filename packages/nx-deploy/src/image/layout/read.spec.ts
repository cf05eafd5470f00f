import { execFileSync } from 'node:child_process';
import { appendFileSync, chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { digestOf } from '../digest.js';
import { MEDIA_TYPES, type Digest } from '../oci.js';
import { BASE, fixture, renamed, rewrite, type Fixture } from './layout.spec-support.js';
import { blobFile, DOCUMENT_LIMIT, readLayout } from './read.js';
import { writeLayout, type WrittenLayout } from './write.js';

let root: string;
let folder: string;
let made: Fixture;
let written: WrittenLayout;
beforeEach(async () => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'nd layout ')));
  folder = join(root, 'image');
  made = await fixture(root);
  written = await writeLayout(folder, [made.image('amd64')], { store: made.store });
});
afterEach(() => { rmSync(root, { recursive: true, force: true }); });

interface Document {
  config: { digest: Digest; size: number };
  layers: Record<string, unknown>[];
  manifests: Record<string, unknown>[];
  rootfs: { diff_ids: unknown };
  [key: string]: unknown;
}

const edit = (name: string, change: (document: Document) => void): void => {
  const document = JSON.parse(readFileSync(join(folder, name), 'utf8')) as Document;
  change(document);
  writeFileSync(join(folder, name), JSON.stringify(document));
};
const manifest = (change: (document: Document) => void): void => void rewrite(folder, written.root.digest, change as (document: Record<string, unknown>) => void);
const config = (change: (document: Document) => void): void => manifest((document) => {
  const { digest, size } = document.config;
  const changed = rewrite(folder, digest, change as (document: Record<string, unknown>) => void);
  const text = renamed(JSON.stringify(document), { digest, size }, { digest: changed, size: readFileSync(blobFile(folder, changed)).length });
  Object.assign(document, JSON.parse(text));
});
const own = (): string => blobFile(folder, made.app.digest);

describe('a layout that is refused', () => {
  const cases: Readonly<Record<string, readonly [why: string, act: () => void]>> = {
    'without the marker': ['missing', () => rmSync(join(folder, 'oci-layout'))],
    'of another version': ['imageLayoutVersion', () => edit('oci-layout', (document) => { document['imageLayoutVersion'] = '2.0.0'; })],
    'without index.json': ['missing', () => rmSync(join(folder, 'index.json'))],
    'whose index.json is no JSON': ['not JSON', () => writeFileSync(join(folder, 'index.json'), '{')],
    'whose index.json is no UTF-8': ['not JSON', () => writeFileSync(join(folder, 'index.json'), Buffer.from([0x22, 0xff, 0x22]))],
    'whose index.json is a list': ['no object', () => writeFileSync(join(folder, 'index.json'), '[]')],
    'whose index.json has schema version 3': ['schemaVersion', () => edit('index.json', (document) => { document['schemaVersion'] = 3; })],
    'that names nothing': ['no image', () => edit('index.json', (document) => { document.manifests = []; })],
    'that names far too much': ['more than 1000', () => edit('index.json', (document) => { document.manifests = Array.from({ length: 1_001 }, () => document.manifests[0] ?? {}); })],
    'with a digest that leads out': ['only sha256', () => edit('index.json', (document) => { document.manifests[0]!['digest'] = 'sha256:../../../../etc/passwd'; })],
    'with a digest of another algorithm': ['only sha256', () => edit('index.json', (document) => { document.manifests[0]!['digest'] = `sha512:${'0'.repeat(128)}`; })],
    'with a size below nothing': ['no size', () => edit('index.json', (document) => { document.manifests[0]!['size'] = -1; })],
    'with a size of text': ['no size', () => edit('index.json', (document) => { document.manifests[0]!['size'] = '10'; })],
    'with another size of the manifest': ['names it says 5', () => edit('index.json', (document) => { document.manifests[0]!['size'] = 5; })],
    'with a manifest that is too large': ['more than 4194304', () => edit('index.json', (document) => { document.manifests[0]!['size'] = DOCUMENT_LIMIT + 1; })],
    'with another media type': ['neither a manifest nor an index', () => edit('index.json', (document) => { document.manifests[0]!['mediaType'] = 'text/plain'; })],
    'with a manifest that is called an index': ['calls itself', () => edit('index.json', (document) => { document.manifests[0]!['mediaType'] = MEDIA_TYPES.index; })],
    'with another platform than the configuration': ['linux/s390x', () => edit('index.json', (document) => { document.manifests[0]!['platform'] = { os: 'linux', architecture: 's390x' }; })],
    'with a platform that is no word': ['must be words', () => edit('index.json', (document) => { document.manifests[0]!['platform'] = { os: 'linux', architecture: '../x' }; })],
    'with annotations that are no text': ['annotation', () => edit('index.json', (document) => { document.manifests[0]!['annotations'] = { a: 1 }; })],
    'whose manifest was changed': ['bytes', () => appendFileSync(blobFile(folder, written.root.digest), ' ')],
    'whose manifest has other bytes': ['another digest', () => {
      const file = blobFile(folder, written.root.digest);
      writeFileSync(file, readFileSync(file, 'utf8').replace('"schemaVersion":2', '"schemaVersion":3'));
    }],
    'whose manifest is missing': ['missing', () => rmSync(blobFile(folder, written.root.digest))],
    'whose manifest is a link': ['no regular file', () => {
      renameSync(blobFile(folder, written.root.digest), join(root, 'outside'));
      symlinkSync(join(root, 'outside'), blobFile(folder, written.root.digest));
    }],
    'whose manifest is a pipe': ['no regular file', () => {
      rmSync(blobFile(folder, written.root.digest));
      execFileSync('mkfifo', [blobFile(folder, written.root.digest)]);
    }],
    'whose manifest calls itself something else': ['calls itself', () => manifest((document) => { document['mediaType'] = MEDIA_TYPES.index; })],
    'whose manifest has no layers': ['layers is no list', () => manifest((document) => { Object.assign(document, { layers: 'none' }); })],
    'whose manifest has no configuration': ['a descriptor is no object', () => manifest((document) => { Object.assign(document, { config: undefined }); })],
    'with more layers than diff_ids': ['2 digests for 3 layers', () => manifest((document) => { document.layers.push(document.layers[0]!); })],
    'whose configuration has no rootfs': ['rootfs is no object', () => config((document) => { Object.assign(document, { rootfs: undefined }); })],
    'whose configuration has a diff_id that is none': ['no sha256 digest', () => config((document) => { document.rootfs.diff_ids = ['x', 'y']; })],
    'whose configuration has no platform': ['must be words', () => config((document) => { delete document['os']; })],
    'with a layer that is missing': ['a layer is missing', () => rmSync(own())],
    'with a layer that was cut': ['its manifest says', () => truncateSync(own(), 10)],
    'with a layer that is a link': ['no regular file', () => {
      renameSync(own(), join(root, 'outside'));
      symlinkSync(join(root, 'outside'), own());
    }],
    'with a layer that is a folder': ['no regular file', () => {
      rmSync(own());
      mkdirSync(own());
    }],
    'whose blobs are behind a link': ['not a folder', () => {
      renameSync(join(folder, 'blobs'), join(root, 'outside'));
      symlinkSync(join(root, 'outside'), join(folder, 'blobs'));
    }],
    'that is a link itself': ['not a folder', () => {
      renameSync(folder, join(root, 'outside'));
      symlinkSync(join(root, 'outside'), folder);
    }],
    'without base.json': ['does not tell', () => rmSync(join(folder, 'base.json'))],
    'whose base.json is of another schema': ['schema is not 1', () => edit('base.json', (document) => { document['schema'] = 2; })],
    'whose base.json lists something else': ['no layer of this image', () => edit('base.json', (document) => { (document['blobs'] as Record<string, unknown>[])[0]!['digest'] = digestOf('else'); })],
    'whose base.json has another size': ['no layer of this image', () => edit('base.json', (document) => { (document['blobs'] as Record<string, unknown>[])[0]!['size'] = 1; })],
    'whose base.json has a source with line breaks': ['does not tell', () => edit('base.json', (document) => { (document['blobs'] as Record<string, unknown>[])[0]!['from'] = 'a\nb'; })],
    'whose base.json is a link': ['no regular file', () => {
      renameSync(join(folder, 'base.json'), join(root, 'outside'));
      symlinkSync(join(root, 'outside'), join(folder, 'base.json'));
    }],
  };
  it.each(Object.keys(cases))('%s', async (name) => {
    const [why, act] = cases[name]!;
    act();
    await expect(readLayout(folder)).rejects.toMatchObject({ code: 'ND-IMAGE-INVALID', parts: { where: expect.stringContaining(root), why: expect.stringContaining(why) } });
  });

  const kinds: Readonly<Record<string, () => void>> = {
    'zstd layers': () => manifest((document) => { document.layers[0]!['mediaType'] = 'application/vnd.oci.image.layer.v1.tar+zstd'; }),
    'foreign layers': () => manifest((document) => { document.layers[0]!['mediaType'] = 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip'; }),
    'layers elsewhere': () => manifest((document) => { document.layers[0]!['urls'] = ['https://example.com/x']; }),
    'schema version 1': () => manifest((document) => { document['schemaVersion'] = 1; }),
    'something that is no image': () => manifest((document) => { (document.config as Record<string, unknown>)['mediaType'] = 'application/vnd.cncf.helm.config.v1+json'; }),
  };
  it.each(Object.keys(kinds))('because of %s', async (name) => {
    kinds[name]?.();
    await expect(readLayout(folder)).rejects.toMatchObject({ code: 'ND-IMAGE-UNSUPPORTED' });
  });

  it('whose indexes never end', async () => {
    const add = (manifests: unknown[]): object => {
      const content = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPES.index, manifests }));
      writeFileSync(blobFile(folder, digestOf(content)), content);
      return { mediaType: MEDIA_TYPES.index, digest: digestOf(content), size: content.length };
    };
    const nested = (depth: number): object => (depth === 0 ? written.root : add([nested(depth - 1)]));
    edit('index.json', (document) => { document.manifests = [nested(2) as Record<string, unknown>]; });
    expect((await readLayout(folder)).indexes).toHaveLength(2);
    edit('index.json', (document) => { document.manifests = [nested(3) as Record<string, unknown>]; });
    await expect(readLayout(folder)).rejects.toMatchObject({ code: 'ND-IMAGE-INVALID', parts: { why: expect.stringContaining('nested') } });
  });

  it('or read, whatever bytes its documents have, and never anything else', async () => {
    const names = ['index.json', 'base.json', 'oci-layout', `blobs/sha256/${written.root.digest.slice(7)}`];
    const originals = names.map((name) => readFileSync(join(folder, name)));
    await fc.assert(fc.asyncProperty(fc.nat(names.length - 1), fc.nat(), fc.oneof(fc.jsonValue().map((value) => JSON.stringify(value)), fc.string({ maxLength: 5 })), async (which, at, text) => {
      const name = names[which]!;
      const original = originals[which]!.toString();
      const cut = at % original.length;
      writeFileSync(join(folder, name), at % 3 === 0 ? text : original.slice(0, cut) + text + original.slice(cut + text.length));
      const code = await readLayout(folder).then(() => 'read', (error: unknown) => (error as { code: unknown }).code);
      writeFileSync(join(folder, name), originals[which]!);
      expect(['read', 'ND-IMAGE-INVALID', 'ND-IMAGE-UNSUPPORTED']).toContain(code);
    }), { numRuns: 300 });
  });
});

describe('layouts of other tools', () => {
  const attestation = { mediaType: MEDIA_TYPES.manifest, digest: digestOf('attestation'), size: 11, platform: { os: 'unknown', architecture: 'unknown' } };

  it('may hold attestations, which are left alone', async () => {
    edit('index.json', (document) => { document.manifests.push(attestation); });
    expect((await readLayout(folder)).images).toHaveLength(1);
  });

  it('may have several names for one image, and several images with names', async () => {
    const other = await writeLayout(join(root, 'other'), [{ ...made.image('amd64'), annotations: { a: 'b' } }], { store: made.store });
    cpSync(join(root, 'other/blobs'), join(folder, 'blobs'), { recursive: true });
    const named = (digest: Digest, size: number, name: string): Record<string, unknown> => ({ mediaType: MEDIA_TYPES.manifest, digest, size, annotations: { 'org.opencontainers.image.ref.name': name } });
    edit('index.json', (document) => { document.manifests = [named(written.root.digest, written.root.size, 'latest'), named(written.root.digest, written.root.size, '1.0')]; });
    expect((await readLayout(folder)).roots).toHaveLength(1);
    edit('index.json', (document) => { document.manifests.push(named(other.root.digest, other.root.size, '2.0')); });
    await expect(readLayout(folder)).rejects.toMatchObject({ parts: { why: expect.stringContaining('several images for linux/amd64') } });
    expect((await readLayout(folder, { reference: '2.0' })).roots).toMatchObject([{ digest: other.root.digest }]);
    await expect(readLayout(folder, { reference: '3.0' })).rejects.toMatchObject({ code: 'ND-IMAGE-INVALID' });
  });

  it('may lie in a folder that is read-only, and hold more than is named', async () => {
    writeFileSync(join(folder, 'blobs/sha256/more'), '');
    writeFileSync(join(folder, 'README'), '');
    chmodSync(folder, 0o500);
    const read = await readLayout(folder);
    expect([...read.absent.values()]).toEqual([{ digest: made.base.digest, size: made.base.size, mediaType: MEDIA_TYPES.layer, from: BASE }]);
    chmodSync(folder, 0o700);
  });
});
