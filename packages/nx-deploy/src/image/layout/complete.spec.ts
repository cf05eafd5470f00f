import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { filesIn } from '../blobs/blobs.spec-support.js';
import { digestOf } from '../digest.js';
import { unpack } from '../layer/layer.spec-support.js';
import { describeWith } from '../registry/live.spec-support.js';
import type { BaseBlob } from './base.js';
import { complete, contentOf, ensureBase, type FetchBlob } from './complete.js';
import { imageFor, writeDockerArchive } from './docker-archive.js';
import { BASE, fixture, type Fixture } from './layout.spec-support.js';
import { readLayout, type Layout } from './read.js';
import { writeLayout } from './write.js';

let root: string;
let folder: string;
let made: Fixture;
let layout: Layout;
let content: Buffer;
beforeEach(async () => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'nd layout ')));
  folder = join(root, 'image');
  made = await fixture(root);
  await writeLayout(folder, [made.image('amd64'), made.image('arm64', 'v8')], { store: made.store });
  layout = await readLayout(folder);
  content = readFileSync(made.store.pathOf(made.base.digest));
});
afterEach(() => { rmSync(root, { recursive: true, force: true }); });

const never: FetchBlob = () => Promise.reject(new Error('nothing is to be fetched'));
const linux = (architecture: string, variant?: string) => ({ os: 'linux', architecture, ...(variant === undefined ? {} : { variant }) });
const forget = (): void => rmSync(made.store.pathOf(made.base.digest));
const archive = async (...[options, from = layout]: [Parameters<typeof writeDockerArchive>[2], Layout?]): Promise<Buffer> => {
  const parts: Uint8Array[] = [];
  await writeDockerArchive(from, made.store, options, (chunk) => void parts.push(chunk));
  return Buffer.concat(parts);
};

describe('ensureBase', () => {
  it('fetches nothing that the store has', async () => {
    expect(await ensureBase(layout, made.store, never)).toEqual([]);
  });

  it('fetches what it has not, from where it comes', async () => {
    forget();
    const asked: BaseBlob[] = [];
    const fetched = await ensureBase(layout, made.store, async (blob, take) => {
      asked.push(blob);
      await expect(take([Buffer.alloc(content.length)])).rejects.toMatchObject({ code: 'ND-IMAGE-INVALID' });
      await take([content.subarray(0, 100), content.subarray(100)]);
    });
    expect(asked).toMatchObject([{ digest: made.base.digest, from: BASE }]);
    expect(fetched).toEqual(asked);
    expect(await made.store.has(made.base.digest)).toBe(true);
  });

  it('takes nothing else', async () => {
    forget();
    await expect(ensureBase(layout, made.store, (_blob, take) => take([Buffer.alloc(content.length)]))).rejects.toMatchObject({ code: 'ND-IMAGE-INVALID' });
    await expect(ensureBase(layout, made.store, never)).rejects.toThrow('nothing is to be fetched');
    expect(await made.store.has(made.base.digest)).toBe(false);
  });
});

describe('complete', () => {
  it('makes the folder whole, with the same digest', async () => {
    forget();
    const whole = await complete(layout, made.store, (_blob, take) => take([content]));
    expect(whole.absent.size).toBe(0);
    expect(whole.roots).toEqual(layout.roots);
    rmSync(made.store.folder, { recursive: true });
    expect((await complete(await readLayout(folder), made.store, never)).absent.size).toBe(0);
    expect((await filesIn(join(folder, 'blobs'))).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  it('leaves it as it was when something cannot be fetched', async () => {
    forget();
    await expect(complete(layout, made.store, never)).rejects.toThrow('nothing is to be fetched');
    expect((await readLayout(folder)).absent.size).toBe(1);
  });
});

test('the content of every blob comes from the folder or the store', async () => {
  for (const { digest } of layout.images[0]!.manifest.layers) {
    const parts: Buffer[] = [];
    for await (const part of contentOf(layout, made.store, digest)) parts.push(part);
    expect(digestOf(Buffer.concat(parts))).toBe(digest);
  }
  forget();
  await expect(contentOf(layout, made.store, made.base.digest)[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'ND-IMAGE-INCOMPLETE' });
});

describe('docker archive', () => {
  it('holds configuration and layers of one platform, under the names that its list has', async () => {
    const bytes = await archive({ platform: linux('amd64'), tags: ['api:1.0'] });
    mkdirSync(join(root, 'out'));
    unpack(bytes, join(root, 'out'));
    const [image, ...others] = JSON.parse(readFileSync(join(root, 'out/manifest.json'), 'utf8')) as { Config: string; RepoTags: string[]; Layers: string[] }[];
    expect(others).toEqual([]);
    expect(image?.RepoTags).toEqual(['api:1.0']);
    expect(JSON.parse(readFileSync(join(root, 'out', image!.Config), 'utf8'))).toMatchObject({ architecture: 'amd64', rootfs: { diff_ids: [made.base.diffId, made.app.diffId] } });
    expect(image?.Layers.map((name) => digestOf(gunzipSync(readFileSync(join(root, 'out', name)))))).toEqual([made.base.diffId, made.app.diffId]);
    expect((await archive({ platform: linux('amd64'), tags: ['api:1.0'] })).equals(bytes)).toBe(true);
  });

  it('is not made of an image for another machine, or without its base', async () => {
    await expect(archive({ platform: linux('s390x') })).rejects.toMatchObject({ code: 'ND-IMAGE-INVALID', parts: { why: expect.stringContaining('linux/amd64, linux/arm64/v8') } });
    forget();
    await expect(archive({ platform: linux('amd64') })).rejects.toMatchObject({ code: 'ND-IMAGE-INCOMPLETE' });
  });

  it('takes any variant when none is named', () => {
    expect(imageFor(layout, linux('arm64')).platform.variant).toBe('v8');
    expect(() => imageFor(layout, linux('arm64', 'v9'))).toThrow(expect.objectContaining({ code: 'ND-IMAGE-INVALID' }));
  });
});

describeWith(['skopeo'], 'skopeo', () => {
  const skopeo = (...args: readonly string[]): string => execFileSync('skopeo', ['--insecure-policy', ...args], { encoding: 'utf8', env: { ...process.env, HOME: root } });

  it('inspects and copies a whole layout of one platform', async () => {
    await writeLayout(folder, [made.image('amd64')], { store: made.store, full: true });
    const found = JSON.parse(skopeo('inspect', `oci:${folder}`)) as object;
    expect(found).toMatchObject({ Digest: (await readLayout(folder)).roots[0]?.digest, Os: 'linux', Architecture: 'amd64', Layers: [made.base.digest, made.app.digest] });
    skopeo('copy', '--quiet', `oci:${folder}`, `oci:${root}/copy`);
    const copy = await readLayout(join(root, 'copy'));
    expect(copy.images).toMatchObject([{ config: { config: { User: '1000' } }, manifest: { layers: [{ digest: made.base.digest }, { digest: made.app.digest }] } }]);
    skopeo('copy', '--quiet', `oci:${folder}`, `docker-archive:${root}/theirs.tar:api:1.0`);
  });

  it('copies every platform of a whole layout', async () => {
    const { root: image } = await writeLayout(folder, [made.image('amd64'), made.image('arm64', 'v8')], { store: made.store, full: true });
    expect(digestOf(skopeo('inspect', '--raw', `oci:${folder}`))).toBe(image.digest);
    skopeo('copy', '--quiet', '--all', `oci:${folder}`, `oci:${root}/copy`);
    expect((await readLayout(join(root, 'copy'))).roots).toMatchObject([{ digest: image.digest }]);
    skopeo('--override-arch', 'arm64', 'copy', '--quiet', `oci:${folder}`, `oci:${root}/arm`);
    expect((await readLayout(join(root, 'arm'))).images).toMatchObject([{ platform: { architecture: 'arm64' } }]);
  });

  it('reads the docker archive', async () => {
    writeFileSync(join(root, 'ours.tar'), await archive({ platform: linux('amd64'), tags: ['api:1.0'] }));
    expect(JSON.parse(skopeo('inspect', `docker-archive:${root}/ours.tar`))).toMatchObject({ Architecture: 'amd64' });
    skopeo('copy', '--quiet', `docker-archive:${root}/ours.tar:api:1.0`, `oci:${root}/back`);
    const [back] = (await readLayout(join(root, 'back'))).images;
    expect(back?.config.rootfs.diff_ids).toEqual([made.base.diffId, made.app.diffId]);
  });
});
