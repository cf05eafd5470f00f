import { createHash, randomBytes } from 'node:crypto';
import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '../../../shell/programs.spec-support.js';
import { openBlobs, type BlobStore } from '../../blobs/index.js';
import { storeLayer, type Entry } from '../../layer/index.js';
import type { BuiltLayer } from '../../layer/layer.js';
import { COPY } from './lay-out.js';
import { LayerCopy } from './layer-copy.js';
import { unpackLayer } from './unpack.js';

const root = temporaryFolder('copies');
let store: BlobStore;
let count = 0;
beforeEach(() => { store = openBlobs(join(root, `store${count += 1}`)); });

const file = (path: string, content: Buffer | string, mode = 0o644): Entry => ({ path, type: 'file', mode, source: Buffer.from(content), size: content.length });
/** Names that take records, files across the pieces of the tar, a link, a program, and what is hardly loaded. */
const MODULES: readonly Entry[] = [
  ...Array.from({ length: 12 }, (_, index) => file(`app/node_modules/${'n'.repeat(120)}/\u00e9${'m'.repeat(90)}${index}/index.js`, randomBytes(400_000 + index))),
  ...Array.from({ length: 300 }, (_, index) => file(`app/node_modules/small/${index}.js`, `exports.a = ${index};`)),
  file('app/node_modules/small/bin.sh', '#!/bin/sh\n', 0o755), file('app/node_modules/small/index.d.ts', 'export {};'),
  { path: 'app/node_modules/alias', type: 'symlink', target: 'small' },
];

/** All that is there, as one text. */
function seen(folder: string, below = ''): string[] {
  return readdirSync(join(folder, below)).sort().flatMap((name) => {
    const path = join(below, name);
    const stat = lstatSync(join(folder, path));
    if (stat.isDirectory()) return [`${path}/`, ...seen(folder, path)];
    return [`${path} ${stat.isSymbolicLink() ? readlinkSync(join(folder, path)) : `${(stat.mode & 0o777).toString(8)} ${createHash('sha256').update(readFileSync(join(folder, path))).digest('hex')}`}`];
  });
}

async function made(entries: readonly Entry[], onBegun: (copy: LayerCopy) => void = () => undefined): Promise<BuiltLayer> {
  const copy = await LayerCopy.begin(store, entries, undefined);
  if (copy === undefined) throw new Error('not worth it');
  onBegun(copy);
  try {
    const layer = await storeLayer(store, entries, { onTar: (chunk) => copy.take(chunk) });
    await copy.keep(layer.digest);
    return layer;
  } finally {
    await copy.close();
    expect(readdirSync(join(store.folder, 'temporary'))).toEqual([]);
  }
}

it('is what unpacking the layer gives, and the layer is what it is without', async () => {
  const layer = await made(MODULES);
  const { digest } = await storeLayer(openBlobs(join(root, 'other')), MODULES);
  expect(layer.digest).toBe(digest);
  const unpacked = join(root, 'unpacked');
  mkdirSync(unpacked);
  await unpackLayer(store, digest, unpacked, COPY);
  const kept = await store.unpacked(digest, () => Promise.reject(new Error('it is there')));
  expect(seen(kept)).toEqual(seen(unpacked));
  expect(seen(kept).join('\n')).toMatch(/alias small\n[^]*bin\.sh 555/);
  expect(seen(kept).join('\n')).not.toContain('index.d.ts');
});

it('does not hinder the layer when it cannot be written', async () => {
  const layer = await made(MODULES, () => { for (const name of readdirSync(join(store.folder, 'temporary'))) rmSync(join(store.folder, 'temporary', name), { recursive: true }); });
  expect(await store.has(layer.digest, layer.size)).toBe(true);
  await expect(store.unpacked(layer.digest, () => Promise.reject(new Error('it is not there')))).rejects.toThrow('it is not there');
});

it('is nothing when the layer fails', async () => {
  const copy = await LayerCopy.begin(store, MODULES, undefined);
  await copy?.take(randomBytes(10_000));
  await copy?.close();
  expect(readdirSync(join(store.folder, 'temporary'))).toEqual([]);
});

it('is not made of a little', async () => {
  expect(await LayerCopy.begin(store, [file('app/node_modules/a/index.js', 'x'.repeat(100_000))], undefined)).toBeUndefined();
});
