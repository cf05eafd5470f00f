import type { BlobStore } from '../blobs/store.js';
import type { Entry } from './entry.js';
import { compressLayer, writeLayer, type BuiltLayer, type LayerOptions } from './layer.js';
import type { Sink } from './tar.js';

/** {@link writeLayer} into the store. */
export async function storeLayer(store: BlobStore, entries: AsyncIterable<Entry> | Iterable<Entry>, options: LayerOptions = {}): Promise<BuiltLayer> {
  return stored(store, (sink) => writeLayer(entries, sink, options));
}

/** {@link compressLayer} into the store. */
export async function storeTar(store: BlobStore, tar: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<BuiltLayer> {
  return stored(store, (sink) => compressLayer(tar, sink));
}

async function stored(store: BlobStore, build: (sink: Sink) => Promise<BuiltLayer>): Promise<BuiltLayer> {
  const writer = await store.write();
  try {
    const layer = await build((chunk) => writer.write(chunk));
    await writer.commit(layer.digest);
    return layer;
  } finally {
    await writer.discard();
  }
}
