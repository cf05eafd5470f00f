/**
 * The files of a layer for its smoke import, written while the layer is compressed: one thread writes files while the others compress. They come from the very bytes that are compressed, of which the digest of
 * the layer is made.
 */
import { readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import type { BlobStore } from '../../blobs/store.js';
import type { Entry } from '../../layer/entry.js';
import type { Digest } from '../../oci.js';
import { COPY } from './lay-out.js';
import { unpackTar } from './unpack.js';

/** Bytes of files. Less is unpacked in no time when it is needed. */
const WORTH_IT = 4 * 1024 * 1024;
/** Bytes that may wait to be written. */
const WAITING = 2 * 1024 * 1024;

export class LayerCopy {
  readonly #store: BlobStore;
  readonly #folder: string;
  readonly #tar = new PassThrough({ highWaterMark: WAITING });
  /** Whether all of it was written. What failed here is unpacked again where it is needed, and fails there with its reason. */
  readonly #written: Promise<boolean>;

  private constructor(store: BlobStore, folder: string, signal: AbortSignal | undefined) {
    this.#store = store;
    this.#folder = folder;
    this.#tar.on('error', () => undefined);
    const refuse = (why: string): Error => new Error(why);
    this.#written = unpackTar(this.#tar, refuse, folder, { ...COPY, ...(signal === undefined ? {} : { signal }) }).then(() => true, () => false);
  }

  /** Undefined when it is not worth it, or not possible. */
  static async begin(store: BlobStore, entries: readonly Entry[], signal: AbortSignal | undefined): Promise<LayerCopy | undefined> {
    const bytes = entries.reduce((sum, entry) => sum + (entry.type === 'file' ? entry.size ?? 0 : 0), 0);
    const folder = bytes < WORTH_IT ? undefined : await store.temporaryFolder().catch(() => undefined);
    return folder === undefined ? undefined : new LayerCopy(store, folder, signal);
  }

  /** The next bytes of the tar, which the caller may change as soon as this returns. Resolves when there is room for more. */
  async take(chunk: Uint8Array): Promise<void> {
    if (this.#tar.destroyed || this.#tar.write(Buffer.from(chunk))) return;
    await Promise.race([new Promise((resolve) => { this.#tar.once('drain', resolve); }), this.#written]);
  }

  /** It becomes the copy that is kept of the layer. Never rejects: a layer without one is as good. */
  async keep(digest: Digest): Promise<void> {
    this.#tar.end();
    if (!await this.#written) return;
    await this.#store.unpacked(digest, async (folder) => {
      for (const name of await readdir(this.#folder)) await rename(join(this.#folder, name), join(folder, name));
    }).catch(() => undefined);
  }

  /** Removes what was not kept. Never rejects. */
  async close(): Promise<void> {
    this.#tar.destroy();
    await this.#written;
    await rm(this.#folder, { recursive: true, force: true }).catch(() => undefined);
  }
}
