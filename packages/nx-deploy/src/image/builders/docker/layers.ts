import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import type { BlobStore, Once } from '../../blobs/index.js';
import { storeTar } from '../../layer/stored.js';
import type { Digest } from '../../oci.js';
import type { ArchiveFile } from './archive-file.js';
import { badArchive } from './failures.js';

/**
 * Puts a layer of the archive into the store, compressed here, whatever the engine did: the same content is then the same blob. A layer that the store has been given before is
 * not read.
 * @throws DeployError ND-IMAGE-INVALID when its content has another digest than the configuration says
 */
export async function storeExported(store: BlobStore, archive: ArchiveFile, name: string, diffId: Digest): Promise<Once> {
  return store.once(`dockerfile ${diffId}`, async () => {
    const layer = await storeTar(store, unpacked(archive, name));
    if (layer.diffId !== diffId) throw badArchive(`the layer ${diffId} has other content: ${layer.diffId}`);
    return layer;
  });
}

async function* unpacked(archive: ArchiveFile, name: string): AsyncGenerator<Buffer> {
  const source = archive.open(name)[Symbol.asyncIterator]();
  const first = await source.next();
  const whole = async function* whole(): AsyncGenerator<Buffer> {
    for (let part = first; part.done !== true; part = await source.next()) yield part.value;
  };
  const start = first.done === true ? Buffer.alloc(0) : first.value;
  if (start[0] !== 0x1f || start[1] !== 0x8b) {
    yield* whole();
    return;
  }
  try {
    for await (const part of Readable.from(whole()).pipe(createGunzip())) yield part as Buffer;
  } catch (error) {
    throw badArchive(`a layer cannot be unpacked: ${error instanceof Error ? error.message : 'unknown'}`);
  }
}
