import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { smallDisk } from '../../platforms/contract/faults/small-disk.js';
import { filesIn } from '../blobs/blobs.spec-support.js';
import { MEDIA_TYPES } from '../oci.js';
import { stableJson } from './json.js';
import { BASE, fixture, type Fixture } from './layout.spec-support.js';
import { blobFile, readLayout } from './read.js';
import { writeLayout } from './write.js';

let root: string;
let folder: string;
let made: Fixture;
beforeEach(async () => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'nd layout ')));
  folder = join(root, 'dist/image');
  made = await fixture(root);
});
afterEach(() => { rmSync(root, { recursive: true, force: true }); });

const json = (file: string): unknown => JSON.parse(readFileSync(file, 'utf8'));
const contents = async (): Promise<string[]> => (await filesIn(folder)).map((name) => `${name} ${readFileSync(join(folder, name), 'latin1')}`);

describe('a layout of one platform', () => {
  it('holds config, manifest and its own layers, and tells where the others come from', async () => {
    const { store, base, app } = made;
    const { root: image, manifests } = await writeLayout(folder, [made.image('amd64')], { store });
    expect(manifests).toEqual([image]);
    expect(image).toMatchObject({ mediaType: MEDIA_TYPES.manifest, platform: { os: 'linux', architecture: 'amd64' } });
    expect(json(join(folder, 'oci-layout'))).toEqual({ imageLayoutVersion: '1.0.0' });
    expect(json(join(folder, 'index.json'))).toEqual({ schemaVersion: 2, mediaType: MEDIA_TYPES.index, manifests: [image] });
    expect(json(join(folder, 'base.json'))).toEqual({ schema: 1, blobs: [{ digest: base.digest, size: base.size, mediaType: MEDIA_TYPES.layer, from: BASE }] });
    expect(await filesIn(join(folder, 'blobs/sha256'))).toHaveLength(3);
    const read = await readLayout(folder);
    expect(read.roots).toEqual([image]);
    expect(read.indexes).toEqual([]);
    expect([...read.absent.keys()]).toEqual([base.digest]);
    expect(read.images).toMatchObject([{ platform: { os: 'linux', architecture: 'amd64' }, manifest: { layers: [{ digest: base.digest }, { digest: app.digest }] }, config: { config: { User: '1000' } } }]);
  });

  it('holds everything when it is to be whole, with the same digest', async () => {
    const { store, base } = made;
    const part = await writeLayout(folder, [made.image('amd64')], { store });
    const whole = await writeLayout(folder, [made.image('amd64')], { store, full: true });
    expect(whole).toEqual(part);
    expect((await readLayout(folder)).absent.size).toBe(0);
    expect((await readLayout(folder)).base.size).toBe(1);
    expect(readFileSync(blobFile(folder, base.digest)).equals(readFileSync(store.pathOf(base.digest)))).toBe(true);
  });

  it('has the same bytes however its objects were put together', async () => {
    await writeLayout(folder, [made.image('amd64')], { store: made.store });
    const before = await contents();
    const { config, layers } = made.image('amd64');
    const shuffled = Object.fromEntries(Object.entries(config).reverse()) as unknown as typeof config;
    await writeLayout(folder, [{ layers, config: shuffled }], { store: made.store });
    expect(await contents()).toEqual(before);
  });

  it('calls the layers of a Docker image by the names of OCI', async () => {
    const { config, layers } = made.image('amd64');
    await writeLayout(folder, [{ config, layers: layers.map((layer) => ({ ...layer, mediaType: MEDIA_TYPES.dockerLayer })) }], { store: made.store });
    expect((await readLayout(folder)).images[0]?.manifest.layers.map(({ mediaType }) => mediaType)).toEqual([MEDIA_TYPES.layer, MEDIA_TYPES.layer]);
  });
});

describe('a layout of several platforms', () => {
  it('has one index for all of them', async () => {
    const { store } = made;
    const { root: image, manifests } = await writeLayout(folder, [made.image('amd64'), made.image('arm64', 'v8')], { store });
    expect(image.mediaType).toBe(MEDIA_TYPES.index);
    expect(json(blobFile(folder, image.digest))).toEqual({ schemaVersion: 2, mediaType: MEDIA_TYPES.index, manifests });
    const read = await readLayout(folder);
    expect(read.roots).toEqual([image]);
    expect(read.indexes).toEqual([image]);
    expect(read.images.map(({ platform }) => platform)).toEqual([{ os: 'linux', architecture: 'amd64' }, { os: 'linux', architecture: 'arm64', variant: 'v8' }]);
    expect(JSON.parse(readFileSync(join(folder, 'base.json'), 'utf8'))).toMatchObject({ blobs: { length: 1 } });
  });

  it('is refused when two are for the same, or there is none, or the layers do not fit', async () => {
    const { store } = made;
    await expect(writeLayout(folder, [made.image('amd64'), made.image('amd64')], { store })).rejects.toMatchObject({ code: 'ND-IMAGE-INVALID' });
    await expect(writeLayout(folder, [], { store })).rejects.toMatchObject({ code: 'ND-IMAGE-INVALID' });
    const { config, layers } = made.image('amd64');
    await expect(writeLayout(folder, [{ config, layers: layers.slice(1) }], { store })).rejects.toMatchObject({ code: 'ND-IMAGE-INVALID' });
    expect(existsSync(folder)).toBe(false);
  });
});

describe('the place of a layout', () => {
  it('keeps what it had when the new one fails', async () => {
    const { store, app } = made;
    await writeLayout(folder, [made.image('amd64')], { store });
    const before = await contents();
    rmSync(store.pathOf(app.digest));
    await expect(writeLayout(folder, [made.image('arm64')], { store })).rejects.toMatchObject({ code: 'ND-IMAGE-INCOMPLETE' });
    expect(await contents()).toEqual(before);
    expect(readdirSync(join(root, 'dist'))).toEqual(['image']);
  });

  it('is not given a damaged layer', async () => {
    const { store, app } = made;
    rmSync(store.pathOf(app.digest));
    writeFileSync(store.pathOf(app.digest), Buffer.alloc(app.size));
    await expect(writeLayout(folder, [made.image('amd64')], { store })).rejects.toMatchObject({ code: 'ND-IMAGE-INVALID' });
    expect(await store.has(app.digest)).toBe(false);
  });

  it('is never a folder of something else, a file or a link', async () => {
    const { store } = made;
    mkdirSync(folder, { recursive: true });
    await writeLayout(folder, [made.image('amd64')], { store });
    mkdirSync(join(root, 'src'));
    writeFileSync(join(root, 'src/main.ts'), 'the only copy');
    symlinkSync(folder, join(root, 'link'));
    for (const name of ['src', 'src/main.ts', 'link']) await expect(writeLayout(join(root, name), [made.image('amd64')], { store })).rejects.toMatchObject({ code: 'ND-IMAGE-INVALID' });
    expect(readFileSync(join(root, 'src/main.ts'), 'utf8')).toBe('the only copy');
    expect((await readLayout(folder)).images).toHaveLength(1);
  });

  it('is one of them when several write at once', async () => {
    const { store } = made;
    const written = await Promise.all(['amd64', 'arm64', 's390x', 'riscv64'].map((architecture) => writeLayout(folder, [made.image(architecture)], { store })));
    const [image] = (await readLayout(folder)).roots;
    expect(written.map(({ root: { digest } }) => digest)).toContain(image?.digest);
    expect(readdirSync(join(root, 'dist'))).toEqual(['image']);
  });

  it('is rid of what killed builds left beside it, and of nothing else', async () => {
    mkdirSync(join(root, 'dist'));
    const names = ['.image.0d4f8a4e-6d2c-4d5e-9a55-000000000001.tmp', '.image.0d4f8a4e-6d2c-4d5e-9a55-000000000002.tmp', '.image.notes.tmp', '.images.0d4f8a4e-6d2c-4d5e-9a55-000000000001.tmp'];
    for (const name of names) {
      mkdirSync(join(root, 'dist', name));
      if (name.endsWith('2.tmp')) continue;
      utimesSync(join(root, 'dist', name), 1_000, 1_000);
    }
    await writeLayout(folder, [made.image('amd64')], { store: made.store });
    expect(readdirSync(join(root, 'dist')).sort()).toEqual([...names.slice(1), 'image'].sort());
  });

  it('tells a full and a read-only disk', async () => {
    const disk = smallDisk();
    if (disk === undefined) return;
    try {
      const there = join(disk.folder, 'image');
      disk.fill();
      await expect(writeLayout(there, [made.image('amd64')], { store: made.store, full: true })).rejects.toMatchObject({ code: 'ND-DISK-FULL', parts: { what: expect.stringContaining('folder of the image') } });
      disk.free();
      disk.readOnly();
      await expect(writeLayout(join(disk.folder, 'image'), [made.image('amd64')], { store: made.store })).rejects.toMatchObject({ code: 'ND-DISK-FULL' });
    } finally {
      disk.remove();
    }
  });
});

test('stable JSON has its keys in order at every depth, and keeps lists, nulls and odd keys as they are', () => {
  expect(stableJson({ b: [{ d: 1, c: null }, 'x'], a: { z: undefined, y: true } }).toString()).toBe('{"a":{"y":true},"b":[{"c":null,"d":1},"x"]}');
  expect(stableJson(JSON.parse('{"__proto__":{"b":1,"a":2},"A":1}')).toString()).toBe('{"A":1,"__proto__":{"a":2,"b":1}}');
});
