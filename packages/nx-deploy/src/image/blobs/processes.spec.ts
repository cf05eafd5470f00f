import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { digestOf } from '../digest.js';
import { storeLayer } from '../layer/stored.js';
import { Children, filesIn, finished, program } from './blobs.spec-support.js';
import { openBlobs, type BlobStore } from './store.js';

let root: string;
let folder: string;
let store: BlobStore;
const children = new Children();
beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'nd blobs ')));
  folder = join(root, 'store');
  store = openBlobs(folder);
});
afterEach(async () => {
  await children.end();
  rmSync(root, { recursive: true, force: true });
});

const blobsAreWhole = async (): Promise<number> => {
  const files = await filesIn(join(folder, 'sha256'));
  for (const file of files) expect(digestOf(readFileSync(join(folder, 'sha256', file)))).toBe(`sha256:${basename(file)}`);
  return files.length;
};
/** `made` by this many bytes of text, slowly enough for others to come meanwhile. */
const MAKE = `const layer = await store.once(args[0], async () => {
    say('making');
    await new Promise((resolve) => setTimeout(resolve, Number(args[1])));
    return storeLayer(store, [{ path: 'modules/x', type: 'file', mode: 0o644, source: Buffer.alloc(3_000_000, args[0]) }]);
  });
  say(layer);`;

it('put the same blobs at the same time', async () => {
  const file = program(join(root, 'put.js'), 'for (let n = 0; n < 30; n += 1) await store.put([Buffer.alloc(50_000, String(n)), Buffer.from(String(n))]);');
  const codes = await Promise.all([1, 2, 3].map(async () => (await finished(children.start(file, folder))).code));
  expect(codes).toEqual([0, 0, 0]);
  expect(await blobsAreWhole()).toBe(30);
  expect(await filesIn(join(folder, 'temporary'))).toEqual([]);
});

it('are killed at any moment and leave temporary files alone', async () => {
  const file = program(join(root, 'put.js'), 'for (let n = 0; ; n += 1) await store.put((function* () { for (let i = 0; i < 40; i += 1) yield Buffer.alloc(100_000, String(n * i)); })());');
  for (const delay of [5, 30, 60, 110]) {
    const child = children.start(file, folder);
    await once(child, 'message');
    await new Promise((resolve) => setTimeout(resolve, delay));
    child.kill('SIGKILL');
    await once(child, 'exit');
    await blobsAreWhole();
  }
  const left = await filesIn(join(folder, 'temporary'));
  expect(left.length).toBeGreaterThan(0);
  // While one that is alive writes its own.
  const alive = await store.write();
  await alive.write(Buffer.from('half'));
  expect(await store.prune({ cap: 1e9, dryRun: true })).toMatchObject({ leftovers: left.length });
  expect(await store.prune({ cap: 1e9 })).toMatchObject({ leftovers: left.length });
  expect(await filesIn(join(folder, 'temporary'))).toHaveLength(1);
  await alive.commit(digestOf('half'));
  expect(await store.has(digestOf('half'))).toBe(true);
  expect(await blobsAreWhole()).toBeGreaterThan(0);
});

it('make the layer of a key once, while the others wait', async () => {
  const file = program(join(root, 'once.js'), MAKE);
  const results = await Promise.all([1, 2, 3, 4].map(() => finished(children.start(file, folder, 'lock file', '300'))));
  expect(results.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
  const said = results.flatMap((result) => result.said);
  expect(said.filter((message) => message === 'making')).toHaveLength(1);
  const layers = said.filter((message) => message !== 'making') as { digest: string; made: boolean }[];
  expect(new Set(layers.map(({ digest }) => digest)).size).toBe(1);
  expect(layers.filter(({ made }) => made)).toHaveLength(1);
  expect(await filesIn(join(folder, 'locks'))).toEqual([]);
});

it('take over from one that was killed while it made a layer', async () => {
  const file = program(join(root, 'once.js'), MAKE);
  const first = children.start(file, folder, 'lock file', '60000');
  while ((await once(first, 'message'))[0] !== 'making');
  const second = children.start(file, folder, 'lock file', '0');
  const result = finished(second);
  await once(second, 'message');
  await new Promise((resolve) => setTimeout(resolve, 150));
  first.kill('SIGKILL');
  expect(await result).toEqual({ code: 0, said: ['making', expect.objectContaining({ made: true })] });
});

describe('once', () => {
  const make = (calls: { count: number }) => async () => {
    calls.count += 1;
    return storeLayer(store, [{ path: 'x', type: 'file', mode: 0o644, source: Buffer.from('x') }]);
  };

  it('makes it again when the blob is gone or cut, or the record is damaged', async () => {
    const calls = { count: 0 };
    const { digest } = await store.once('key', make(calls));
    expect(await store.once('key', make(calls))).toMatchObject({ digest, made: false });
    rmSync(store.pathOf(digest));
    expect(await store.once('key', make(calls))).toMatchObject({ digest, made: true });
    const [record = ''] = await filesIn(join(folder, 'records'));
    for (const text of ['', '{', 'null', '{"digest":"sha256:../../x"}']) {
      writeFileSync(join(folder, 'records', record), text);
      expect(await store.once('key', make(calls))).toMatchObject({ digest, made: true });
    }
    expect(calls.count).toBe(6);
  });

  it('keeps keys apart, and what fails from the next', async () => {
    const calls = { count: 0 };
    await store.once('key', make(calls));
    await store.once('another key', make(calls));
    expect(calls.count).toBe(2);
    const failure = new Error('no');
    await expect(store.once('third', () => Promise.reject(failure))).rejects.toBe(failure);
    expect(await store.once('third', make(calls))).toMatchObject({ made: true });
    expect(await filesIn(join(folder, 'locks'))).toEqual([]);
  });

  it('does not wait for a lock that nobody holds', async () => {
    const calls = { count: 0 };
    await store.once('key', make(calls));
    const [name = ''] = await filesIn(join(folder, 'records'));
    rmSync(join(folder, 'records', name));
    mkdirSync(join(folder, 'locks'), { recursive: true });
    for (const text of ['', JSON.stringify({ pid: process.pid, identity: 'an earlier one', host: hostname(), since: 1, token: 't' })]) {
      writeFileSync(join(folder, 'locks', name), text);
      rmSync(join(folder, 'records', name), { force: true });
      expect(await store.once('key', make(calls))).toMatchObject({ made: true });
    }
  });
});
