import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { digestOf } from '../digest.js';
import { openBlobs, type BlobStore } from '../blobs/store.js';
import { storeLayer } from '../layer/stored.js';
import type { BuiltLayer } from '../layer/layer.js';
import type { Digest } from '../oci.js';
import { blobFile } from './read.js';
import type { ImageToWrite } from './write.js';

export const BASE = `images.example.com/library/node@sha256:${'ab'.repeat(32)}`;

export interface Fixture {
  readonly store: BlobStore;
  readonly base: BuiltLayer;
  readonly app: BuiltLayer;
  /** An image of both layers; the base is referred to. */
  image(architecture: string, variant?: string): ImageToWrite;
}

export async function fixture(root: string): Promise<Fixture> {
  const store = openBlobs(join(root, 'store'));
  const base = await storeLayer(store, [{ path: 'usr/bin/node', type: 'file', mode: 0o755, source: Buffer.alloc(700_000, 'node') }]);
  const app = await storeLayer(store, [{ path: 'app/main.js', type: 'file', mode: 0o644, source: Buffer.from('console.log(1)') }]);
  return {
    store, base, app,
    image: (architecture, variant) => ({
      config: {
        os: 'linux', architecture, ...(variant === undefined ? {} : { variant }), created: '1970-01-01T00:00:01Z', config: { Cmd: ['node', 'main.js'], WorkingDir: '/app', User: '1000' },
        rootfs: { type: 'layers', diff_ids: [base.diffId, app.diffId] },
      },
      layers: [{ digest: base.digest, size: base.size, from: BASE }, { digest: app.digest, size: app.size }],
    }),
  };
}

type Json = Record<string, unknown>;

/** Changes a document of a layout, and everything above it that names it by digest and size, so that only the change itself is wrong. */
export function rewrite(folder: string, digest: Digest, change: (document: Json) => void): Digest {
  const document = JSON.parse(readFileSync(blobFile(folder, digest), 'utf8')) as Json;
  change(document);
  const content = Buffer.from(JSON.stringify(document));
  const changed = digestOf(content);
  writeFileSync(blobFile(folder, changed), content);
  const old = readFileSync(blobFile(folder, digest)).length;
  const index = readFileSync(join(folder, 'index.json'), 'utf8');
  writeFileSync(join(folder, 'index.json'), renamed(index, { digest, size: old }, { digest: changed, size: content.length }));
  return changed;
}

interface Named {
  readonly digest: Digest;
  readonly size: number;
}

/** Replaces a descriptor's digest and size in stable JSON, where `digest` comes before `size` with other keys between them. */
export function renamed(text: string, from: Named, to: Named): string {
  return text.replaceAll(new RegExp(`"${from.digest}"([^{}]*(?:\\{[^{}]*\\}[^{}]*)?)"size":${from.size}`, 'g'), `"${to.digest}"$1"size":${to.size}`);
}
