import { lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { temporaryFolder } from '../../../shell/programs.spec-support.js';
import { openBlobs } from '../../blobs/index.js';
import { storeLayer, type Entry } from '../../layer/index.js';
import { header, type Member } from '../../layer/header.js';
import { unpackLayer } from './unpack.js';

const root = temporaryFolder('unpack');
const store = openBlobs(join(root, 'store'));
const fresh = (): string => mkdtempSync(join(root, 'image-'));
const file = (path: string, text: string | Buffer = '', mode = 0o644): Entry => ({ path, type: 'file', mode, source: Buffer.from(text) });

async function laidOut(folder: string, ...layers: readonly (readonly Entry[])[]): Promise<void> {
  for (const entries of layers) await unpackLayer(store, (await storeLayer(store, entries)).digest, folder);
}

it('lays out what the writer wrote: contents of any size, modes, links, long names and any signs', async () => {
  const folder = fresh();
  const big = Buffer.alloc(3_000_001, 'big');
  const long = `${'d'.repeat(200)}/${'\u00e9'.repeat(100)}.js`;
  await laidOut(folder, [file('a/big', big), file('a/empty'), file('bin/run', 'x', 0o755), file(long, 'long'), { path: 'a/link', type: 'symlink', target: `../${long}` }, { path: 'root', type: 'symlink', target: '/a/empty' }, { path: 'none', type: 'directory' }]);
  expect(readFileSync(join(folder, 'a/big')).equals(big)).toBe(true);
  expect(readFileSync(join(folder, 'a/link'), 'utf8')).toBe('long');
  expect(lstatSync(join(folder, 'bin/run')).mode & 0o100).toBe(0o100);
  expect(readlinkSync(join(folder, 'root'))).toBe(join(folder, 'a/empty'));
  expect(readdirSync(join(folder, 'none'))).toEqual([]);
});

it('leaves files out and takes the right to write away where that is asked for', async () => {
  const folder = fresh();
  const { digest } = await storeLayer(store, [file('a/README.md', Buffer.alloc(700_000)), file('a/index.js', 'js'), file('a/run', 'x', 0o755), file('b/README.md', 'short'), { path: 'c.md', type: 'symlink', target: 'a/index.js' }]);
  await unpackLayer(store, digest, folder, { readOnly: true, leaveOut: (path) => path.endsWith('.md') });
  expect(readdirSync(folder, { recursive: true }).sort()).toEqual(['a', 'a/index.js', 'a/run', 'b', 'c.md']);
  expect(readFileSync(join(folder, 'c.md'), 'utf8')).toBe('js');
  expect([lstatSync(join(folder, 'a/index.js')).mode & 0o777, lstatSync(join(folder, 'a/run')).mode & 0o777]).toEqual([0o444, 0o555]);
});

it('never writes through a link of a layer below', async () => {
  const folder = fresh();
  const outside = fresh();
  writeFileSync(join(outside, 'kept'), 'kept');
  symlinkSync(outside, join(folder, 'app'));
  await laidOut(folder, [file('app/kept', 'changed')], [{ path: 'app/kept', type: 'symlink', target: '/x' }], [file('app/kept', 'last')]);
  expect(readdirSync(outside)).toEqual(['kept']);
  expect(readFileSync(join(outside, 'kept'), 'utf8')).toBe('kept');
  expect(readFileSync(join(folder, 'app/kept'), 'utf8')).toBe('last');
});

describe('a layer that the writer did not write', () => {
  const tar = (...members: readonly (readonly [Member, string])[]): Buffer => Buffer.concat([...members.flatMap(([member, text]) => [header(member, 1), Buffer.from(text), Buffer.alloc((512 - (text.length % 512)) % 512)]), Buffer.alloc(1_024)]);
  const member = (path: string, more: Partial<Member> = {}): Member => ({ path, type: 'file', mode: 0o644, size: 1, ...more });
  const cases: readonly (readonly [string, Buffer])[] = [
    ['leaves the folder', tar([member('../out'), 'x'])],
    ['has an absolute path', tar([member('/out'), 'x'])],
    ['has no folder for a file', tar([member('a/b'), 'x'])],
    ['writes through a link of its own', tar([member('a', { type: 'symlink', size: 0, target: '..' }), ''], [member('a/out'), 'x'])],
    ['ends within a file', tar([member('a', { size: 100_000 }), 'x'])],
    ['ends within a header', tar([member('a'), 'x']).subarray(0, 300)],
  ];
  it.each(cases)('%s', async (_name, content) => {
    const above = fresh();
    const folder = join(above, 'image');
    mkdirSync(folder);
    const { digest } = await store.put([gzipSync(content)]);
    await expect(unpackLayer(store, digest, folder)).rejects.toMatchObject({ code: expect.stringMatching(/^ND-(IMAGE-INVALID|ARTIFACT-UNSAFE)$/) });
    expect(readdirSync(above)).toEqual(['image']);
  });
});
