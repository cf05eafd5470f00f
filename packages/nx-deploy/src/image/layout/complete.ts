/** Layers that a layout refers to: into the store, into the folder, or out of either. */
import { mapLimited } from '../../archive/parallel.js';
import { chunksOf } from '../blobs/chunks.js';
import { missing } from '../blobs/failures.js';
import type { BlobStore, Take } from '../blobs/store.js';
import type { Digest } from '../oci.js';
import type { BaseBlob } from './base.js';
import { copyBlob } from './copy.js';
import { blobFile, readLayout, type Layout } from './read.js';

/** Gives the content to `take`, which verifies digest and size, and may be called again when it was wrong. */
export type FetchBlob = (blob: BaseBlob, take: Take) => Promise<unknown>;

const AT_ONCE = 4;

/** Fetches into the store what is neither there nor in the folder; resolves with what was fetched. After it the image can be pushed and loaded. */
export async function ensureBase(layout: Layout, store: BlobStore, fetch: FetchBlob): Promise<readonly BaseBlob[]> {
  const fetched = await mapLimited([...layout.absent.values()], AT_ONCE, async (blob) =>
    ((await store.ensure(blob, (take) => fetch(blob, take))) ? [blob] : []));
  return fetched.flat();
}

/** {@link ensureBase}, and copies it into the folder, which then holds everything. The digest of the image stays. */
export async function complete(layout: Layout, store: BlobStore, fetch: FetchBlob): Promise<Layout> {
  await ensureBase(layout, store, fetch);
  for (const blob of layout.absent.values()) await copyBlob(store, blob, layout.folder);
  return readLayout(layout.folder);
}

/** The file of a blob of the image, in its folder or in the store, where it counts as used; ND-IMAGE-INCOMPLETE when it is in neither. */
export async function fileOf(layout: Layout, store: BlobStore, digest: Digest): Promise<string> {
  if (!layout.absent.has(digest)) return blobFile(layout.folder, digest);
  if (!await store.has(digest)) throw missing(digest, store.folder);
  return store.pathOf(digest);
}

/** The bytes of a blob of the image. Those from the store are verified; those from the folder are what {@link readLayout} saw. */
export function contentOf(layout: Layout, store: BlobStore, digest: Digest): AsyncIterable<Buffer> {
  if (layout.absent.has(digest)) return store.open(digest, { verify: true });
  return chunksOf(blobFile(layout.folder, digest));
}
