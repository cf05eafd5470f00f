import { chmodSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, statSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { errorCode } from '../../errors.js';
import { smallDisk, type SmallDisk } from '../../platforms/contract/faults/small-disk.js';
import { digestOf } from '../digest.js';
import { storeLayer, storeTar } from '../layer/stored.js';
import type { Digest } from '../oci.js';
import { filesIn } from './blobs.spec-support.js';
import { blobsFolder } from './places.js';
import { openBlobs, type BlobStore } from './store.js';

let root: string;
let store: BlobStore;
beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'nd blobs ')));
  store = openBlobs(join(root, 'store'));
});
afterEach(() => { rmSync(root, { recursive: true, force: true }); });

const CONTENT = Buffer.from('the content of a blob');
const DIGEST = digestOf(CONTENT);
const OTHER = digestOf('other');
const inPieces = (content: Buffer): Buffer[] => [content.subarray(0, 3), Buffer.alloc(0), content.subarray(3)];
const all = async (stream: AsyncIterable<Buffer>): Promise<Buffer> => {
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(part);
  return Buffer.concat(parts);
};
const overwrite = (digest: Digest, content: string): void => {
  chmodSync(store.pathOf(digest), 0o600);
  writeFileSync(store.pathOf(digest), content);
};
const codeOf = (promise: Promise<unknown>): Promise<unknown> => promise.then(() => 'done', errorCode);

describe('a blob', () => {
  it('is kept under its digest, and nobody may write to it', async () => {
    expect(await store.put(inPieces(CONTENT))).toEqual({ digest: DIGEST, size: CONTENT.length });
    expect(readFileSync(store.pathOf(DIGEST)).equals(CONTENT)).toBe(true);
    expect(statSync(store.pathOf(DIGEST)).mode & 0o777).toBe(0o444);
    expect(statSync(store.folder).mode & 0o077).toBe(0);
    expect(await filesIn(store.folder)).toEqual([`sha256/${DIGEST.slice(7, 9)}/${DIGEST.slice(7)}`]);
    expect((await all(store.open(DIGEST))).equals(CONTENT)).toBe(true);
    expect((await all(store.open(DIGEST, { verify: true }))).equals(CONTENT)).toBe(true);
    expect((await store.read(DIGEST, 100)).equals(CONTENT)).toBe(true);
  });

  it('is there, of its size, or not', async () => {
    expect(await store.has(DIGEST)).toBe(false);
    await store.put([CONTENT]);
    expect(await store.has(DIGEST)).toBe(true);
    expect(await store.has(DIGEST, CONTENT.length)).toBe(true);
    expect(await store.has(DIGEST, CONTENT.length + 1)).toBe(false);
  });

  it.each([[{ digest: OTHER }], [{ size: 3 }], [{ size: 300 }], [{ digest: DIGEST, size: 20 }]])('is refused when it is not %j, and leaves nothing', async (expected) => {
    await expect(store.put(inPieces(CONTENT), expected)).rejects.toMatchObject({ code: 'ND-IMAGE-INVALID' });
    expect(await filesIn(store.folder)).toEqual([]);
  });

  it('that sends without an end is cut', async () => {
    let sent = 0;
    await expect(store.put((function* () { for (;;) { sent += 1; yield Buffer.alloc(1_000); } })(), { size: 5_000 })).rejects.toMatchObject({ code: 'ND-IMAGE-INVALID' });
    expect(sent).toBe(6);
  });

  it('whose stream fails leaves nothing, and the failure comes as it is', async () => {
    const failure = Object.assign(new Error('cut'), { code: 'ECONNRESET' });
    await expect(store.put((function* () { yield CONTENT; throw failure; })())).rejects.toBe(failure);
    expect(await filesIn(store.folder)).toEqual([]);
  });

  it('that was cut or replaced by a link is written again', async () => {
    await store.put([CONTENT]);
    chmodSync(store.pathOf(DIGEST), 0o600);
    truncateSync(store.pathOf(DIGEST), 5);
    await store.put([CONTENT]);
    expect(readFileSync(store.pathOf(DIGEST)).equals(CONTENT)).toBe(true);
    rmSync(store.pathOf(DIGEST));
    writeFileSync(join(root, 'elsewhere'), CONTENT);
    symlinkSync(join(root, 'elsewhere'), store.pathOf(DIGEST));
    expect(await store.has(DIGEST)).toBe(false);
    await store.put([CONTENT]);
    expect(await store.has(DIGEST)).toBe(true);
  });

  it('that is damaged is found when it is verified, and removed', async () => {
    await store.put([CONTENT]);
    overwrite(DIGEST, 'the CONTENT of a blob');
    expect((await all(store.open(DIGEST))).toString()).toBe('the CONTENT of a blob');
    await expect(all(store.open(DIGEST, { verify: true }))).rejects.toMatchObject({ code: 'ND-IMAGE-INVALID', parts: { next: expect.stringContaining('removed') } });
    expect(await store.has(DIGEST)).toBe(false);
    await expect(all(store.open(DIGEST))).rejects.toMatchObject({ code: 'ND-IMAGE-INCOMPLETE' });
  });

  it('that is too large for a document is not read', async () => {
    await store.put([CONTENT]);
    await expect(store.read(DIGEST, 5)).rejects.toMatchObject({ code: 'ND-IMAGE-INVALID' });
    expect(await store.has(DIGEST)).toBe(true);
  });

  it.each(['sha256:../../../etc/passwd', 'sha512:00', `sha256:${'A'.repeat(64)}`, `${DIGEST}/x`, ''])('is not looked for under the digest %j', (digest) => {
    expect(() => store.pathOf(digest as Digest)).toThrow(expect.objectContaining({ code: 'ND-IMAGE-INVALID' }));
  });

  it('counts as used when it is put, asked for and read', async () => {
    await store.put([CONTENT]);
    const uses: (() => Promise<unknown>)[] = [() => store.put([CONTENT]), () => store.has(DIGEST), () => all(store.open(DIGEST))];
    for (const once of uses) {
      utimesSync(store.pathOf(DIGEST), 1_000, 1_000);
      await once();
      expect(Date.now() - statSync(store.pathOf(DIGEST)).mtimeMs).toBeLessThan(10_000);
    }
  });
});

describe('adopt', () => {
  it('copies a file, which stays', async () => {
    writeFileSync(join(root, 'file'), CONTENT);
    expect(await store.adopt(join(root, 'file'), { digest: DIGEST })).toEqual({ digest: DIGEST, size: CONTENT.length });
    writeFileSync(join(root, 'file'), 'changed');
    expect((await store.read(DIGEST, 100)).equals(CONTENT)).toBe(true);
    expect(await codeOf(store.adopt(join(root, 'gone')))).toBe('ENOENT');
  });
});

describe('ensure', () => {
  it('fetches what is not there, once for all who ask at the same time', async () => {
    let fetched = 0;
    const blob = { digest: DIGEST, size: CONTENT.length };
    const ensure = (): Promise<boolean> => store.ensure(blob, (take) => {
      fetched += 1;
      return take(inPieces(CONTENT));
    });
    expect((await Promise.all([ensure(), ensure(), ensure()])).filter(Boolean)).toHaveLength(1);
    expect(await ensure()).toBe(false);
    expect(fetched).toBe(1);
    expect(await filesIn(join(root, 'store/locks'))).toEqual([]);
  });

  it('takes nothing but what was asked for', async () => {
    await expect(store.ensure({ digest: DIGEST, size: CONTENT.length }, (take) => take([Buffer.from('THE content of a blob')]))).rejects.toMatchObject({ code: 'ND-IMAGE-INVALID' });
    await expect(store.ensure({ digest: DIGEST, size: CONTENT.length }, (take) => take([CONTENT.subarray(1)]))).rejects.toMatchObject({ code: 'ND-IMAGE-INVALID' });
    await expect(store.ensure({ digest: DIGEST, size: CONTENT.length }, async () => undefined)).rejects.toMatchObject({ code: 'ND-IMAGE-INCOMPLETE' });
    expect(await filesIn(store.folder)).toEqual([]);
  });
});

describe('layers', () => {
  it('are stored as they are built', async () => {
    const layer = await storeLayer(store, [{ path: 'a', type: 'file', mode: 0o644, source: Buffer.alloc(2_000_000, 'text') }]);
    expect((await store.read(layer.digest, 1e7)).length).toBe(layer.size);
    expect(await storeTar(store, [Buffer.alloc(10_240)])).toMatchObject({ uncompressed: 10_240 });
    await expect(storeLayer(store, [{ path: 'a', type: 'file', mode: 0o644, source: join(root, 'gone') }])).rejects.toMatchObject({ code: 'ND-ARTIFACT-CHANGED' });
    expect(await filesIn(join(root, 'store/temporary'))).toEqual([]);
  });
});

describe('a disk', () => {
  let disk: SmallDisk | undefined;
  beforeEach(() => { disk = smallDisk(); });
  afterEach(() => { disk?.remove(); });

  it('that is full', async () => {
    if (disk === undefined) return;
    const there = openBlobs(join(disk.folder, 'store'));
    await there.put([CONTENT]);
    const large = (function* () { for (let index = 0; index < 100; index += 1) yield Buffer.alloc(1024 * 1024, index); })();
    await expect(there.put(large)).rejects.toMatchObject({ code: 'ND-DISK-FULL', parts: { where: expect.stringContaining('store') } });
    expect(await filesIn(there.folder)).toEqual([`sha256/${DIGEST.slice(7, 9)}/${DIGEST.slice(7)}`]);
    disk.fill();
    await expect(there.put([Buffer.alloc(100_000, 'x')])).rejects.toMatchObject({ code: 'ND-DISK-FULL' });
    await expect(storeLayer(there, [{ path: 'a', type: 'file', mode: 0o644, source: Buffer.alloc(100_000, 'x') }])).rejects.toMatchObject({ code: 'ND-DISK-FULL' });
    expect((await there.read(DIGEST, 100)).equals(CONTENT)).toBe(true);
    disk.free();
    await there.put([Buffer.alloc(100_000, 'x')]);
  });

  it('that is read-only can be read', async () => {
    if (disk === undefined) return;
    const there = openBlobs(join(disk.folder, 'store'));
    await there.put([CONTENT]);
    disk.readOnly();
    expect(await there.has(DIGEST)).toBe(true);
    expect((await all(there.open(DIGEST, { verify: true }))).equals(CONTENT)).toBe(true);
    await expect(there.put([Buffer.from('other')])).rejects.toMatchObject({ code: 'ND-DISK-FULL', parts: { why: expect.stringContaining('read-only') } });
    await expect(there.hold()).rejects.toMatchObject({ code: 'ND-DISK-FULL' });
    disk.writable();
  });

  it('where a file stands in the place of the store', async () => {
    writeFileSync(join(root, 'store'), '');
    await expect(store.put([CONTENT])).rejects.toMatchObject({ code: 'ND-IMAGE-STORE', parts: { where: expect.stringContaining('store'), why: expect.stringMatching(/EEXIST|ENOTDIR/) } });
    expect(await store.has(DIGEST)).toBe(false);
  });

  it('where this user may not write', async () => {
    if (process.getuid?.() === 0) return;
    mkdirSync(join(root, 'store'), { mode: 0o500 });
    await expect(store.put([CONTENT])).rejects.toMatchObject({ code: 'ND-IMAGE-STORE', parts: { why: 'EACCES' } });
  });
});

test('the folder is in the home, or where NX_DEPLOY_BLOBS says', () => {
  expect(blobsFolder('/home/me/.local/state/nx-deploy', {})).toBe('/home/me/.local/state/nx-deploy/image-blobs');
  expect(blobsFolder('/home', { NX_DEPLOY_BLOBS: '' })).toBe('/home/image-blobs');
  expect(blobsFolder('/home', { NX_DEPLOY_BLOBS: '/cache/blobs' })).toBe('/cache/blobs');
});
