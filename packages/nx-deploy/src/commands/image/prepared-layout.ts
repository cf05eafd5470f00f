/** A layout that is written while the image is still checked, and takes its place when that went well. */
import type { BlobStore } from '../../image/blobs/index.js';
import type { Build } from '../../image/builder.js';
import { writeLayout, type WrittenLayout } from '../../image/layout/index.js';

export class PreparedLayout {
  readonly #folder: string;
  readonly #store: BlobStore;
  #begun: { readonly images: Build['images']; readonly written: Promise<WrittenLayout>; readonly pass: () => void; readonly fail: (why: unknown) => void } | undefined;

  constructor(folder: string, store: BlobStore) {
    this.#folder = folder;
    this.#store = store;
  }

  /** A failure is met by {@link finish}. */
  begin({ images }: Build): void {
    if (this.#begun !== undefined) return;
    let pass: () => void = () => undefined;
    let fail: (why: unknown) => void = () => undefined;
    const ready = new Promise<void>((resolve, reject) => {
      pass = resolve;
      fail = reject;
    });
    const written = writeLayout(this.#folder, images.map(({ image }) => image), { store: this.#store, ready });
    for (const work of [ready, written]) work.catch(() => undefined);
    this.#begun = { images, written, pass, fail };
  }

  /** Puts it in place; another image than the one that was begun with is written anew. @throws what `writeLayout` throws */
  async finish(build: Build): Promise<WrittenLayout> {
    if (this.#begun?.images !== build.images) await this.abandon(new Error('the image has become another'));
    this.begin(build);
    this.#begun?.pass();
    return this.#begun?.written as Promise<WrittenLayout>;
  }

  /** Resolves when nothing of it is left, unless it is in place. */
  async abandon(why: unknown): Promise<void> {
    this.#begun?.fail(why);
    await this.#begun?.written.catch(() => undefined);
    this.#begun = undefined;
  }
}
